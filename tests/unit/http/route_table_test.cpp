#include "http/route_table.hpp"

#include <catch2/catch.hpp>

using namespace parley;
using namespace parley::http;
using outcome = route_match::outcome;

namespace {

route_row row(method verb, std::string_view pattern) {
  route_row result;
  result.verb = verb;
  result.pattern = pattern;
  return result;
}

route_table table() {
  auto made = route_table::make({row(method::get, "/"),                                      // 0
                                 row(method::get, "/api/models"),                            // 1
                                 row(method::get, "/api/models/{id}"),                       // 2
                                 row(method::post, "/api/models/system"),                    // 3
                                 row(method::get, "/api/sessions/{id}/messages/{message}"),  // 4
                                 row(method::erase, "/api/sessions/{id}"),                   // 5
                                 row(method::options, "/api/health"),                        // 6
                                 row(method::get, "/api/sessions/all/messages")});           // 7
  REQUIRE(made);
  return std::move(*made);
}

}  // namespace

TEST_CASE("routes match by segments, parameters come decoded") {
  auto t = table();
  CHECK(t.match(method::get, "/").route == 0);
  CHECK(t.match(method::get, "/api/models").route == 1);
  auto m = t.match(method::get, "/api/sessions/a%20b/messages/%c3%a4");
  CHECK(m.result == outcome::found);
  CHECK(m.route == 4);
  CHECK(m.values == std::vector<std::string>{"a b", "\xc3\xa4"});
  CHECK(t.parameter_index(4, "id") == 0);
  CHECK(t.parameter_index(4, "message") == 1);
  CHECK(t.parameter_index(4, "other") == -1);
  CHECK(t.match(method::get, "/%61pi/models").route == 1);
}

TEST_CASE("a literal that leads nowhere does not hide the parameter") {
  auto t = table();
  CHECK(t.match(method::get, "/api/models/system").route == 2);
  CHECK(t.match(method::post, "/api/models/system").route == 3);
  auto m = t.match(method::get, "/api/sessions/all/messages/7");
  CHECK(m.route == 4);
  CHECK(m.values == std::vector<std::string>{"all", "7"});
}

TEST_CASE("HEAD goes with GET, OPTIONS with every known path") {
  auto t = table();
  CHECK(t.match(method::head, "/api/models").route == 1);
  auto m = t.match(method::options, "/api/models/x");
  CHECK(m.result == outcome::found);
  CHECK(m.route == no_route);
  CHECK(to_string(m.methods) == "GET, HEAD, OPTIONS");
  CHECK(t.match(method::options, "/api/health").route == 6);
  CHECK(t.match(method::options, "/nowhere").result == outcome::unknown_path);
}

TEST_CASE("a known path with another method names what is allowed") {
  auto t = table();
  auto m = t.match(method::erase, "/api/models/system");
  CHECK(m.result == outcome::wrong_method);
  CHECK(to_string(m.methods) == "GET, HEAD, POST, OPTIONS");
}

TEST_CASE("nothing is normalised") {
  auto t = table();
  for (auto path : {"/api/models/", "//api/models", "/api//models", "/API/models", "/api",
                    "/api/sessions//messages/1", "/api/models%20"})
    CHECK(t.match(method::get, path).result == outcome::unknown_path);
}

TEST_CASE("segments no resource can have are malformed") {
  auto t = table();
  for (auto path :
       {"/api/models/a%2Fb", "/api/models/a%5cb", "/api/models/%00", "/api/models/%0d%0a",
        "/api/models/%7f", "/api/models/%", "/api/models/%4", "/api/models/%zz", "/api/models/%ff",
        "/api/models/%c0%af", "/api/../x", "/api/%2e%2E/x", "/api/./x", "/nowhere/%2f", "", "api"})
    CHECK(t.match(method::get, path).result == outcome::malformed_path);
}

TEST_CASE("contradicting rows are refused at start") {
  CHECK_FALSE(route_table::make({row(method::get, "/a/{x}"), row(method::get, "/a/{y}")}));
  CHECK_FALSE(route_table::make({row(method::get, "a")}));
  CHECK_FALSE(route_table::make({row(method::get, "/a{x}")}));
  auto limit_without_body = row(method::post, "/a");
  limit_without_body.body_bytes_max = 10;
  CHECK_FALSE(route_table::make({limit_without_body}));
  auto body_without_limit = row(method::post, "/a");
  body_without_limit.body = body_mode::buffered;
  CHECK_FALSE(route_table::make({body_without_limit}));
}
