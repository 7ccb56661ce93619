// Any bytes as a reply, cut in two at a place the input chooses: the same as uncut, never over the
// limit, and never both failed and finished. The same bytes as an error body.
#include <cstdlib>

#include "providers/dialect.hpp"

using namespace parley;
using namespace parley::providers;

namespace {

struct outcome {
  std::string text;
  std::string end;
  friend bool operator==(const outcome&, const outcome&) = default;
};

outcome replay(json_reader& reader, std::initializer_list<std::string_view> pieces) {
  auto parser = find_dialect("openai")->make_parser(reader);
  std::vector<text_delta> out;
  auto has_failed = false;
  for (auto piece : pieces) has_failed = has_failed || !parser->push(piece, out);
  auto end = parser->finish(out);
  if (has_failed && end) std::abort();
  outcome result;
  size_t bytes = 0;
  for (auto& delta : out) {
    bytes += delta.text.size();
    result.text += std::string{name_of(delta.type)} + delta.text;
  }
  if (bytes > reply_limits{}.reply_bytes_max) std::abort();
  result.end = end ? to_string(end->reason) : describe(end.error());
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static json_reader reader{reply_json_limits()};
  if (size < 2) return 0;
  auto cut = static_cast<size_t>(data[0] | data[1] << 8);
  std::string_view bytes{reinterpret_cast<const char*>(data + 2), size - 2};
  cut = bytes.empty() ? 0 : cut % (bytes.size() + 1);
  if (replay(reader, {bytes}) != replay(reader, {bytes.substr(0, cut), bytes.substr(cut)}))
    std::abort();
  auto cause = find_dialect("openai")->refusal_of({400, 0, bytes}, reader);
  if (!cause || sentence_of(cause).empty()) std::abort();
  return 0;
}
