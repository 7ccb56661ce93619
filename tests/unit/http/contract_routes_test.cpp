// schema/openapi.yaml against THE table, and against what errors and streams are written as.
#include <catch2/catch.hpp>

#include "http/errors.hpp"
#include "http/router.hpp"
#include "http/stream.hpp"
#include "tests/support/contract.hpp"

using namespace parley;
using namespace parley::test;
using namespace parley::http;

namespace {

std::string operation_name(const route_row& row) {
  auto name = std::string{to_string(row.verb)};
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return name;
}

std::string_view role_name(caller_role role) {
  return role == caller_role::anyone ? "anyone" : role == caller_role::user ? "user" : "admin";
}

name_set parameters_of(std::string_view pattern) {
  name_set names;
  for (auto open = pattern.find('{'); open != std::string_view::npos;
       open = pattern.find('{', open + 1))
    names.emplace(pattern.substr(open + 1, pattern.find('}', open) - open - 1));
  return names;
}

name_set path_parameters_of(const contract& known, const json_value& path) {
  name_set names;
  if (auto listed = path.find("parameters"))
    for (auto& item : listed->items()) {
      auto parameter = known.resolve(item);
      if (parameter.string_at("in") == "path") names.emplace(*parameter.string_at("name"));
    }
  return names;
}

bool is_success(std::string_view status) {
  return status.front() == '2';
}

void check_answers(const contract& known, const route_row& row, const json_value& operation) {
  auto answers = member_at(operation, {"responses"});
  auto statuses = names_in(answers);
  for (auto always : {"400", "403", "413", "415", "500"}) CHECK(statuses.count(always) == 1);
  auto is_limited = row.rate != rate_class::none;
  CHECK(statuses.count("429") == (is_limited ? 1 : 0));
  auto needs_login = row.min_role != caller_role::anyone;
  if (needs_login) CHECK(statuses.count("401") == 1);
  auto successes = 0;
  for (auto& [status, content] : answers.members()) {
    INFO("status " << status);
    auto answer = known.resolve(content);
    auto headers = names_in(answer.find("headers"));
    CHECK(headers.count("X-Request-Id") == 1);
    if (status == "503" || status == "429") CHECK(headers.count("Retry-After") == 1);
    if (status == "304") CHECK(headers.count("ETag") == 1);
    if (status == "401") CHECK(headers.count("WWW-Authenticate") == 1);
    if (status == "201" && row.pattern.find("register") == std::string_view::npos)
      CHECK(headers.count("Location") == 1);
    CHECK(answer.find("content").has_value() == (status != "204" && status != "304"));
    if (!is_success(status)) continue;
    ++successes;
    auto is_own = row.pattern.rfind("/v1/", 0) != 0;
    for (auto header : {"RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"})
      CHECK(headers.count(header) == (is_limited && is_own ? 1 : 0));
    for (auto header : {"x-ratelimit-limit-requests", "x-ratelimit-remaining-requests",
                        "x-ratelimit-reset-requests"})
      CHECK(headers.count(header) == (is_limited && !is_own ? 1 : 0));
  }
  CHECK(successes >= 1);
}

void check_operation(const contract& known, const route_row& row, const json_value& operation) {
  CHECK(operation.string_at("x-role") == role_name(row.min_role));
  auto security = operation.find("security");
  CHECK((security && security->items().empty()) == (row.min_role == caller_role::anyone));
  auto body = operation.find("requestBody");
  CHECK(body.has_value() == (row.body != body_mode::none));
  if (body) {
    CHECK(names_in(body->find("content")) == name_set{std::string{row.accepts}});
    CHECK(body->find("required").has_value());
  }
  check_answers(known, row, operation);
}

}  // namespace

TEST_CASE("the contract has every route, and no other") {
  contract known;
  auto paths = member_at(known.root(), {"paths"});
  name_set routes;
  for (auto& route : make_routes(settings{})) {
    auto& row = route.row;
    auto verb = operation_name(row);
    INFO(verb << " " << row.pattern);
    routes.insert(verb + " " + std::string{row.pattern});
    auto path = paths.find(row.pattern);
    REQUIRE(path);
    CHECK(path_parameters_of(known, *path) == parameters_of(row.pattern));
    auto operation = path->find(verb);
    REQUIRE(operation);
    check_operation(known, row, *operation);
  }
  name_set written;
  for (auto& [path, item] : paths.members())
    for (auto& [verb, operation] : item.members())
      if (verb != "parameters") written.insert(std::string{verb} + " " + std::string{path});
  CHECK(written == routes);
  CHECK(member_at(known.root(), {"info"}).string_at("version") == PARLEY_VERSION);
}

TEST_CASE("the contract's error is the one that is written") {
  contract known;
  auto written = member_at(known.schemas(), {"Error"});
  name_set codes;
  for (auto code = 1; code <= static_cast<int>(errc::internal); ++code)
    codes.insert(to_string(static_cast<errc>(code)));
  CHECK(names_in(member_at(written, {"properties", "code", "enum"})) == codes);

  error_detail detail;
  detail.reason = "a_reason";
  detail.id = "an id";
  detail.retry_after_s = 3;
  detail.fields = {{"/a", "max", "2", "Too much."}};
  json_reader reader;
  auto full = reader.parse(error_json(make_error(errc::conflict, "Why.", detail), "r"));
  REQUIRE(full);
  CHECK(names_in(*full) == names_in(written.find("properties")));
  auto fault = member_at(*full, {"fields"}).first();
  auto fault_schema = member_at(known.schemas(), {"FieldFault"});
  CHECK(names_in(fault) == names_in(fault_schema.find("properties")));
  json_reader other;
  auto least = other.parse(error_json(make_error(errc::internal), "r"));
  REQUIRE(least);
  CHECK(names_in(*least) == names_in(written.find("required")));
}

TEST_CASE("the contract's events are those of a stream") {
  contract known;
  slice all;
  all.start = reply_start{session_id::make(), message_id::make(), message_id::make(),
                          model_id::make(), context_used{}};
  all.snapshot = reply_snapshot{message_id::make(), 1, {}};
  all.events = {{2, 0, part_type::text, true, {}},
                {3, 0, part_type::text, false, "a"},
                {4, 1, part_type::reasoning, false, "b"}};
  all.usage = usage{1, 2, 3, 4, usage_source::counted, money{"0.1", "USD"}};
  all.error = message_error{"timeout", "", "Too late.", 7'000};
  all.error_position = 5;
  all.status = message_status::error;
  all.status_position = 6;
  std::string text;
  append_slice(text, all, "r");

  std::map<std::string, json_value> schemas;
  auto stream = member_at(known.schemas(), {"ReplyStream", "contentSchema", "items", "oneOf"});
  for (auto& choice : stream.items()) {
    auto event = member_at(choice, {"properties", "event"}).string_at("const");
    schemas.emplace(*event, known.resolve(member_at(choice, {"properties", "data"})));
  }
  name_set seen;
  std::istringstream lines{text};
  std::string name;
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("event: ", 0) == 0) name = line.substr(7);
    if (line.rfind("data: ", 0) != 0) continue;
    INFO(name);
    seen.insert(name);
    REQUIRE(schemas.count(name) == 1);
    json_reader reader;
    auto data = reader.parse(line.substr(6));
    REQUIRE(data);
    CHECK(names_in(*data) == names_in(schemas.at(name).find("properties")));
  }
  CHECK(seen.size() == schemas.size());
}
