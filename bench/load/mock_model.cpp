#include "bench/load/mock_model.hpp"

#include <array>

#include "bench/load/http_text.hpp"

namespace parley::bench {
namespace {

/// `word`, or `word<N>` with a number in [least, most]; `apply` gets 0 for a word without number.
struct grammar_row {
  std::string_view word;
  bool has_number;
  uint64_t least;
  uint64_t most;
  void (*apply)(mock_model& model, uint64_t number);
  std::string_view meaning;
};

uint32_t narrow(uint64_t number) {
  return static_cast<uint32_t>(number);
}

void end_with(mock_model& model, mock_ending ending, uint64_t after) {
  model.ending = ending;
  model.ending_after = after;
}

constexpr uint64_t tokens_most = 9'999'999;
constexpr uint64_t bytes_most = 1'000'000'000;

// In the order in which the help shows them.
constexpr auto rows = std::to_array<grammar_row>({
    {"t", true, 1, tokens_most,
     [](mock_model& m, uint64_t n) {
       m.tokens = narrow(n);
       m.script = mock_script::stamped;
     },
     "a stamped text of N tokens, each ` <seq>:<monotonic ns>` and dots"},
    {"i", true, 0, 600'000, [](mock_model& m, uint64_t n) { m.interval_ms = narrow(n); },
     "N ms between tokens (stamped 10, else 30)"},
    {"f", true, 0, 600'000, [](mock_model& m, uint64_t n) { m.first_ms = narrow(n); },
     "N ms before the first byte (stamped 0, else 150)"},
    {"b", true, 32, 8192, [](mock_model& m, uint64_t n) { m.token_bytes = narrow(n); },
     "N bytes in each stamped token (32)"},
    {"echo", false, 0, 0, [](mock_model& m, uint64_t) { m.script = mock_script::echo; },
     "repeat the last user message word by word"},
    {"reasoning", true, 1, 10'000,
     [](mock_model& m, uint64_t n) { m.reasoning_tokens = narrow(n); },
     "N tokens of reasoning_content first"},
    {"split", true, 1, 65'536, [](mock_model& m, uint64_t n) { m.split_bytes = narrow(n); },
     "write N bytes at a time, 1 ms apart"},
    {"refuse", true, 400, 599, [](mock_model& m, uint64_t n) { m.refuse_status = narrow(n); },
     "answer status N (429 and 503 with Retry-After); `-500`, `-401` are short for it"},
    {"retry", true, 0, 86'400, [](mock_model& m, uint64_t n) { m.retry_after_s = narrow(n); },
     "the Retry-After in seconds (1)"},
    {"for", true, 1, 1'000'000, [](mock_model& m, uint64_t n) { m.fault_calls = narrow(n); },
     "refuse only the first N calls of this name, then answer"},
    {"toolong", false, 0, 0, [](mock_model& m, uint64_t) { m.context_tokens = 8192; },
     "400 context_length_exceeded, naming 8192 tokens"},
    {"toolong", true, 1, 10'000'000,
     [](mock_model& m, uint64_t n) { m.context_tokens = narrow(n); }, "the same, naming N tokens"},
    {"hang", false, 0, 0, [](mock_model& m, uint64_t) { m.silent = true; },
     "take the request and never say a byte"},
    {"hangafter", true, 0, tokens_most,
     [](mock_model& m, uint64_t n) { end_with(m, mock_ending::hang, n); },
     "fall silent after N tokens, connection open"},
    {"resetafter", true, 0, tokens_most,
     [](mock_model& m, uint64_t n) { end_with(m, mock_ending::reset, n); },
     "TCP reset after N tokens"},
    {"resetbyte", true, 0, bytes_most,
     [](mock_model& m, uint64_t n) { end_with(m, mock_ending::reset_bytes, n); },
     "TCP reset after N bytes of the body"},
    {"cut", true, 0, tokens_most,
     [](mock_model& m, uint64_t n) { end_with(m, mock_ending::cut, n); },
     "close after N tokens: no [DONE], no last chunk"},
    {"end", true, 0, tokens_most,
     [](mock_model& m, uint64_t n) { end_with(m, mock_ending::end, n); },
     "end the body properly after N tokens: no finish_reason, no [DONE]"},
    {"garbage", false, 0, 0, [](mock_model& m, uint64_t) { m.garbage = true; },
     "broken events between the good ones"},
    {"html", false, 0, 0, [](mock_model& m, uint64_t) { m.html = true; },
     "status 200 with a page of HTML"},
    {"endless", false, 0, 0, [](mock_model& m, uint64_t) { m.endless = true; },
     "good tokens without end, as fast as they are read"},
    {"longline", false, 0, 0, [](mock_model& m, uint64_t) { m.long_line = true; },
     "one data line of 1 GB"},
    {"nousage", false, 0, 0, [](mock_model& m, uint64_t) { m.no_usage = true; },
     "no usage, even if asked for"},
    {"usagelast", false, 0, 0, [](mock_model& m, uint64_t) { m.usage_in_last = true; },
     "usage in the chunk that has finish_reason"},
    {"nullchoices", false, 0, 0, [](mock_model& m, uint64_t) { m.null_choices = true; },
     "`choices: null` in the usage chunk"},
    {"nochoices", false, 0, 0, [](mock_model& m, uint64_t) { m.no_choices = true; },
     "no `choices` in the usage chunk"},
    {"nullcontent", false, 0, 0, [](mock_model& m, uint64_t) { m.null_content = true; },
     "`content: null` in the role chunk"},
    {"nodone", false, 0, 0, [](mock_model& m, uint64_t) { m.no_done = true; },
     "no [DONE]; the body ends properly"},
    {"lengthstop", false, 0, 0, [](mock_model& m, uint64_t) { m.length_stop = true; },
     "finish_reason `length`"},
    {"crlf", false, 0, 0, [](mock_model& m, uint64_t) { m.lines = line_end::crlf; },
     "lines end in CR LF"},
    {"cr", false, 0, 0, [](mock_model& m, uint64_t) { m.lines = line_end::cr; },
     "lines end in CR alone"},
    {"bom", false, 0, 0, [](mock_model& m, uint64_t) { m.byte_order_mark = true; },
     "a byte order mark before the first line"},
    {"comments", false, 0, 0, [](mock_model& m, uint64_t) { m.comments = true; },
     "comment lines, `event:` and `id:` fields around the tokens"},
});

bool apply_word(mock_model& model, std::string_view part) {
  const auto digits = part.find_last_not_of("0123456789") + 1;  // npos + 1 is 0: all digits
  auto word = part.substr(0, digits);
  const auto number = parse_number(part.substr(digits));
  if (word.empty()) word = "refuse";
  for (const auto& row : rows) {
    if (row.word != word || row.has_number != (digits < part.size())) continue;
    if (row.has_number && (!number || *number < row.least || *number > row.most)) return false;
    row.apply(model, number.value_or(0));
    return true;
  }
  return false;
}

}  // namespace

std::optional<mock_model> parse_mock_model(std::string_view name) {
  constexpr std::string_view stem = "mock";
  if (!name.starts_with(stem) || name.size() > 200) return std::nullopt;
  name.remove_prefix(stem.size());
  mock_model model;
  while (!name.empty()) {
    if (name.front() != '-') return std::nullopt;
    name.remove_prefix(1);
    const auto part = name.substr(0, name.find('-'));
    if (part.empty() || !apply_word(model, part)) return std::nullopt;
    name.remove_prefix(part.size());
  }
  return model;
}

std::string mock_model_help() {
  std::string help =
      "A model's name is `mock` and words joined by `-`, in any order:\n"
      "mock, mock-echo-i5, mock-t100-i200-f50-b64, mock-t20-cut5-crlf, mock-refuse429-for2.\n"
      "`mock` alone gives a friendly answer that repeats the message, 30 ms a token.\n";
  for (const auto& row : rows) {
    auto word = "  " + std::string{row.word} + (row.has_number ? "<N>" : "");
    word.resize(17, ' ');
    help += word + std::string{row.meaning} + '\n';
  }
  return help;
}

}  // namespace parley::bench
