#include <catch2/catch.hpp>

#include "base/record_json.hpp"
#include "schema/change.hpp"

using namespace parley;

namespace {

json_value parse(json_reader& reader, std::string_view text) {
  auto value = reader.parse(text);
  REQUIRE(value);
  return *value;
}

template <class T>
std::vector<field_fault> faults_of(std::string_view body, field_use allowed) {
  json_reader reader;
  auto patch = decode<T>(parse(reader, body), allowed);
  REQUIRE_FALSE(patch);
  CHECK(code_of(patch.error()) == errc::invalid_input);
  return detail_of(patch.error()).fields;
}

}  // namespace

TEST_CASE("a patch tells absent, null and value apart") {
  json_reader reader;
  auto patch = decode<session>(
      parse(reader, R"({"title":"x","modelId":null,"params":{"temperature":0.5}})"), use::in_patch);
  REQUIRE(patch);
  CHECK(patch->has(&session::title));
  CHECK(patch->has(&session::model_id));
  CHECK_FALSE(patch->has(&session::system_prompt));
  session target;
  target.model_id = model_id::make();
  target.system_prompt = "kept";
  patch->apply_to(target);
  CHECK(target.title == "x");
  CHECK_FALSE(target.model_id);
  CHECK(target.system_prompt == "kept");
  CHECK(target.params.temperature == 0.5);
}

TEST_CASE("all faults are reported at once, with pointers") {
  auto faults = faults_of<model_config>(
      R"({"name":"","id":"x","nonsense":1,"a/b":2,"params":{"temperature":3,"topP":"high"},"enabled":null})",
      use::in_create);
  std::map<std::string, std::string> rules;
  for (auto& fault : faults) rules[fault.path] = fault.rule;
  CHECK(rules == std::map<std::string, std::string>{{"/name", "length_min"},
                                                    {"/id", "read_only"},
                                                    {"/nonsense", "unknown"},
                                                    {"/a~1b", "unknown"},
                                                    {"/params/temperature", "max"},
                                                    {"/params/topP", "type"},
                                                    {"/enabled", "not_null"}});
}

TEST_CASE("secrets are never written") {
  model_config model;
  model.api_key = secret_text{"sk-canary-canary-canary"};
  model.sealed_key = "sealed-canary";
  auto text = json_of(model);
  CHECK(text.find("canary") == std::string::npos);
  CHECK(text.find(R"("hasApiKey":true)") != std::string::npos);
  user account;
  account.password_hash = "canary";
  CHECK(json_of(account).find("canary") == std::string::npos);
}

TEST_CASE("what was written is restored") {
  message before;
  before.id = message_id::make();
  before.parts = {
      {.type = part_type::text, .text = "a\n\"b\"\x01", .url = {}, .media_type = {}, .alt = {}}};
  before.usage = usage{.prompt_tokens = 3,
                       .completion_tokens = 4,
                       .reasoning_tokens = 1,
                       .cached_tokens = {},
                       .source = usage_source::counted};
  json_reader reader;
  auto text = json_of(before);
  message after;
  restore(parse(reader, text), after);
  CHECK(after.id == before.id);
  CHECK(json_of(after) == text);
}

TEST_CASE("strict JSON refuses what lenient parsers take") {
  json_reader reader;
  for (auto bad : {"", "{", "{\"a\":1}x", "{\"a\":1,\"a\":2}", "\"\\u0000\"", "\"\\ud800\"", "[1,]",
                   "\"\xff\"", "NaN", "01"}) {
    INFO(bad);
    auto value = reader.parse(bad);
    REQUIRE_FALSE(value);
    CHECK(code_of(value.error()) == errc::malformed);
  }
  CHECK_FALSE(reader.parse(std::string(65, '[') + std::string(65, ']')));
  CHECK(reader.parse(std::string(60, '[') + std::string(60, ']')));
  CHECK(json_reader{{.bytes_max = 2}}.parse("{}"));
  json_reader small{{.bytes_max = 10}};
  CHECK(code_of(small.parse("\"0123456789\"").error()) == errc::too_large);
}

TEST_CASE("changes survive the binary serializer") {
  caf::actor_system_config config;
  caf::actor_system system{config};
  create_session made;
  made.header.title = "t";
  made.header.params.temperature = 0.25;
  std::vector<change> before{made, erase_session{session_id::make()}, erase_model{}};
  std::vector<char> bytes;
  caf::binary_serializer sink{system, bytes};
  REQUIRE_FALSE(sink(before));
  std::vector<change> after;
  caf::binary_deserializer source{system, bytes};
  REQUIRE_FALSE(source(after));
  REQUIRE(after.size() == 3);
  auto* read = caf::get_if<create_session>(&after[0]);
  REQUIRE(read != nullptr);
  CHECK(json_of(read->header) == json_of(made.header));
}
