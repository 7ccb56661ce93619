// parley tokens: counts and ids of texts, for scripts and for comparing with other counters.
#include <iostream>

#include "app/commands.hpp"
#include "app/token_tables.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "base/text_file.hpp"
#include "chat/bpe.hpp"
#include "chat/token_count.hpp"

namespace parley::app {

namespace {

constexpr size_t line_bytes_max = size_t{256} << 20;
constexpr size_t file_bytes_max = size_t{1} << 30;
constexpr int wrong_usage = 2;

/// One vocabulary, and the factor of an estimate.
struct counting {
  std::unique_ptr<const bpe> engine;
  token_counter counter;  ///< of an estimate
  token_rule rule;
};

int refuse(const std::string& sentence) {
  report(make_error(errc::invalid_input, sentence));
  return wrong_usage;
}

bool is_hex_of_surrogate(std::string_view digits, bool is_low) {
  if (digits.size() < 4 || (digits[0] != 'd' && digits[0] != 'D')) return false;
  auto second = static_cast<char>(digits[1] | 0x20);
  auto is_second = is_low ? second >= 'c' && second <= 'f'
                          : (second >= '8' && second <= '9') || second == 'a' || second == 'b';
  return is_second && parse_hex(digits.substr(0, 4)).has_value();
}

// Half a surrogate pair is good JSON (RFC 8259, section 8.2) and no text: it counts as U+FFFD, as
// JavaScript's encoder has it.
void mend_surrogates(std::string& line) {
  for (size_t at = line.find('\\'); at != line.npos; at = line.find('\\', at)) {
    std::string_view digits{line};
    digits.remove_prefix(std::min(at + 2, line.size()));
    if (at + 1 >= line.size() || line[at + 1] != 'u') {
      at += 2;
    } else if (is_hex_of_surrogate(digits, false) && digits.size() >= 10 && digits[4] == '\\' &&
               digits[5] == 'u' && is_hex_of_surrogate(digits.substr(6), true)) {
      at += 12;
    } else {
      if (is_hex_of_surrogate(digits, false) || is_hex_of_surrogate(digits, true))
        line.replace(at + 2, 4, "FFFD");
      at += 6;
    }
  }
}

/// The text of one line, which stays valid until the next one.
expected<std::string_view> text_of_line(json_reader& reader, std::string& line, size_t number) {
  if (!is_utf8(line)) line = repair_utf8(line);
  mend_surrogates(line);
  auto place = "line " + std::to_string(number) + ": ";
  auto value = reader.parse(line);
  if (!value)
    return make_error(errc::malformed,
                      place + "this is no JSON string (" + sentence_of(value.error()) + ")");
  auto text = value->as_string();
  if (!text) return make_error(errc::malformed, place + "this is JSON, but no string.");
  return *text;
}

void print(const counting& how, std::string_view text, bool prints_ids) {
  std::string line;
  if (prints_ids) {
    json_writer json{line};
    json.begin_array();
    for (auto id : how.engine->encode(text)) json.value(id);
    json.end_array();
  } else if (how.rule.is_estimated) {
    auto measure = how.counter.measure(how.rule.vocabulary, text);
    line = std::to_string(content_tokens(how.rule, sum_of(measure)));
  } else {
    line = std::to_string(how.engine->count(text));
  }
  std::cout << line << '\n';
}

expected<counting> choose(const std::string& folder, const tokens_options& options) {
  counting how;
  how.rule = token_rule_of(options.model);
  if (options.model.empty()) {
    how.rule = {};
    how.rule.is_estimated = false;
    if (options.encoding == "cl100k_base") how.rule.vocabulary = token_vocabulary::cl100k_base;
  }
  auto name = std::string{to_string(how.rule.vocabulary)};
  TRY(auto tables, bpe_tables::open(folder + "/" + name + ".bpe"));
  how.engine = std::make_unique<const bpe>(std::move(tables));
  if (how.rule.is_estimated) how.counter = token_counter{folder};
  return how;
}

}  // namespace

int count_tokens(const configuration& config, const tokens_options& options) {
  if (options.encoding.empty() == options.model.empty())
    return refuse("Name --encoding o200k_base, --encoding cl100k_base or --model NAME.");
  std::ios::sync_with_stdio(false);
  auto chosen = choose(token_tables_folder(config.values), options);
  if (!chosen) return report(chosen.error());
  if (chosen->rule.is_estimated) {
    if (options.prints_ids) return refuse("The vocabulary of " + options.model + " is not public.");
    std::cerr << "parley: the vocabulary of " << options.model
              << " is not public: these counts are estimates.\n";
  }
  if (!options.file.empty()) {
    auto text = read_text_file(options.file, file_bytes_max);
    if (!text) return report(text.error());
    print(*chosen, *text, options.prints_ids);
    return 0;
  }
  json_reader reader{{.bytes_max = line_bytes_max, .strict = false}};
  std::string line;
  for (size_t number = 1; std::getline(std::cin, line); ++number) {
    auto text = text_of_line(reader, line, number);
    if (!text) {
      std::cout << std::flush;
      return report(text.error());
    }
    print(*chosen, *text, options.prints_ids);
  }
  return 0;
}

}  // namespace parley::app
