// The guard's promises: any split of the input gives the same result, what it hands on reads back
// the same when written as bytes again, and cpp-httplib reads from it what the guard has read.
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "http/engine.hpp"
#include "http/guard.hpp"

using namespace parley::http;

namespace {

const route_table& routes() {
  static const auto table = std::move(*route_table::make({
      {.verb = method::get, .pattern = "/"},
      {.verb = method::get, .pattern = "/i/{id}"},
      {.verb = method::post, .pattern = "/i", .body = body_mode::buffered, .body_bytes_max = 64},
      {.verb = method::put,
       .pattern = "/j/{a}/{b}",
       .body = body_mode::buffered,
       .body_bytes_max = 1000,
       .accepts = "application/json"},
  }));
  return table;
}

constexpr guard_limits limits{
    .head_bytes_max = 400, .line_bytes_max = 120, .headers_max = 8, .uri_bytes_max = 60};

void require(bool is_true) {
  if (!is_true) std::abort();
}

struct outcome {
  std::vector<std::string> requests;
  int refused = 0;
};

// Two readers of one request that do not agree are what smuggling is made of.
void compare_with_httplib(const clean_request& request) {
  static engine other{{}};
  auto is_asked = false;
  auto answered = other.run(request, true, [&](const parsed_request& parsed, answer& to) {
    is_asked = true;
    const auto& headers = request.head.headers;
    for (size_t i = 0; i < headers.size(); ++i) {
      auto name = headers.at(i).name;
      require(parsed.header(std::string{name}) == headers.find(name));
    }
    // Its own, of the stream that it is given; a client's would come before it.
    require(parsed.header("remote_addr").value_or("").empty());
    require(&parsed.clean() == &request && parsed.body() == request.body);
    to.status = 200;
    return engine::verdict::now;
  });
  require(answered ? is_asked : parley::code_of(answered.error()) == parley::errc::malformed);
}

void feed(guard& g, std::string_view bytes, outcome& to) {
  while (!bytes.empty() && to.refused == 0) {
    auto phase = g.feed(bytes);
    if (phase == guard::phase::complete) to.requests.push_back(serialise(g.take_request()));
    if (phase == guard::phase::refused) to.refused = g.take_refusal().status;
  }
}

outcome read(std::string_view bytes, size_t step) {
  outcome result;
  guard g{routes(), limits};
  for (size_t at = 0; at < bytes.size(); at += step) feed(g, bytes.substr(at, step), result);
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  std::string_view bytes{reinterpret_cast<const char*>(data) + 1, size - 1};
  auto whole = read(bytes, bytes.size());
  for (size_t step : {size_t{1}, size_t{1} + data[0] % 17}) {
    auto split = read(bytes, step);
    require(split.requests == whole.requests && split.refused == whole.refused);
  }
  require(whole.refused == 0 || (whole.refused >= 400 && whole.refused <= 505));
  for (auto& text : whole.requests) {
    // The copy may be longer than what came (names of headers, framing): no limits here.
    static const guard_limits wide{
        .head_bytes_max = 4096, .line_bytes_max = 1024, .headers_max = 20};
    guard g{routes(), wide};
    std::string_view input{text};
    require(g.feed(input) == guard::phase::complete && input.empty());
    auto again = g.take_request();
    require(serialise(again) == text);
    compare_with_httplib(again);
  }
  return 0;
}
