/// What the fuzz targets of all dialects check. The last two bytes of an input say where it is cut,
/// so that recorded streams are seeds as they are: run with tests/golden/<dialect> as corpus.
#pragma once

#include <cstdlib>

#include "providers/dialect.hpp"

namespace parley::providers {

struct fuzz_outcome {
  std::string text;
  std::string end;
  friend bool operator==(const fuzz_outcome&, const fuzz_outcome&) = default;
};

inline fuzz_outcome fuzz_replay(const parser_wish& wish, const dialect& speaks,
                                std::initializer_list<std::string_view> pieces) {
  auto parser = speaks.make_parser(wish);
  std::vector<text_delta> out;
  auto has_failed = false;
  for (auto piece : pieces) has_failed = has_failed || !parser->push(piece, out);
  auto end = parser->finish(out);
  if (has_failed && end) std::abort();
  fuzz_outcome result;
  size_t bytes = 0;
  for (auto& delta : out) {
    bytes += delta.text.size();
    result.text += std::string{name_of(delta.type)} + delta.text;
  }
  if (bytes > reply_limits{}.reply_bytes_max) std::abort();
  if (!end) {
    result.end = describe(end.error());
    return result;
  }
  if (end->calls.empty() != end->unseen.empty() || end->calls.size() > tool_calls_max) std::abort();
  if (!wish.has_tools && !end->calls.empty()) std::abort();
  result.end = to_string(end->reason) + end->unseen;
  for (auto& call : end->calls) result.end += call.call_id + call.name + call.arguments;
  return result;
}

/// Any bytes as a reply, cut in two: the same as uncut, never over the limit, never both failed and
/// finished; what is sent back in a round of tools is JSON. Then the same bytes as other answers.
inline void fuzz_dialect(std::string_view name, std::string_view bytes) {
  static json_reader reader{reply_json_limits()};
  auto& speaks = *find_dialect(name);
  size_t cut = 0;
  for (int i = 0; i < 2 && !bytes.empty(); ++i) {
    cut = cut << 8 | static_cast<uint8_t>(bytes.back());
    bytes.remove_suffix(1);
  }
  cut = cut % (bytes.size() + 1);
  for (auto has_tools : {false, true}) {
    parser_wish wish{reader, has_tools, {}};
    auto whole = fuzz_replay(wish, speaks, {bytes});
    if (whole != fuzz_replay(wish, speaks, {bytes.substr(0, cut), bytes.substr(cut)})) std::abort();
  }
  auto parser = speaks.make_parser({reader, true, {}});
  std::vector<text_delta> out;
  if (parser->push(bytes, out)) {
    auto end = parser->finish(out);
    if (end && !end->unseen.empty() && !reader.parse("[" + end->unseen + "]")) std::abort();
  }
  auto cause = speaks.refusal_of({400, 0, bytes}, reader);
  if (!cause || sentence_of(cause).empty()) std::abort();
  auto vectors = speaks.read_embedding(bytes, 2, reader);
  if (vectors && vectors->vectors.size() != 2) std::abort();
  auto models = speaks.read_discovery(bytes, reader);
  if (models && models->size() > offered_models_max) std::abort();
}

}  // namespace parley::providers
