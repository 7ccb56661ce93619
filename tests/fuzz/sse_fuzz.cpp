// Events do not depend on where the bytes are cut, and what we write reads back.
#include <cstdlib>
#include <string>
#include <vector>

#include "base/sse.hpp"

using namespace parley;

namespace {

struct record {
  std::string text;
  bool is_good = true;
};

void feed(sse_parser& parser, std::string_view chunk, record& result) {
  std::string passing{chunk};
  auto pushed = parser.push(passing, [&](const sse_event& event) {
    for (auto part : {event.id, event.name, event.data}) {
      result.text += std::to_string(part.size()) + ':';
      result.text += part;
    }
  });
  result.is_good = result.is_good && pushed;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  size_t step = 1 + data[0] % 16;
  std::string_view input{reinterpret_cast<const char*>(data) + 1, size - 1};
  const sse_limits limits{.line_bytes_max = 64, .event_bytes_max = 128};

  sse_parser whole{limits};
  sse_parser pieces{limits};
  record of_whole;
  record of_pieces;
  feed(whole, input, of_whole);
  for (size_t at = 0; at < input.size(); at += step)
    feed(pieces, input.substr(at, step), of_pieces);
  if (of_whole.text != of_pieces.text || of_whole.is_good != of_pieces.is_good) std::abort();
  if (whole.has_partial_event() != pieces.has_partial_event()) std::abort();

  std::string written;
  append_event(written, "1", "name", input);
  size_t events = 0;
  sse_parser reader{{.line_bytes_max = size + 64, .event_bytes_max = 2 * size + 64}};
  auto read = reader.push(written, [&](const sse_event& event) {
    events += event.id == "1" && event.name == "name" ? 1 : 100;
  });
  if (!read || events != 1) std::abort();
  return 0;
}
