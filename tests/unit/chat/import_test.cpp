// Conversations of other programs, from files made by hand after their shapes.
#include "chat/import.hpp"

#include <catch2/catch.hpp>

#include <fstream>

#include "base/record_json.hpp"
#include "chat/json_cutter.hpp"
#include "chat/transcript.hpp"

using namespace parley;

namespace {

constexpr instant now{1'800'000'000'000};

std::string file_text(const std::string& name) {
  std::ifstream file{"tests/golden/import/" + name, std::ios::binary};
  REQUIRE(file);
  return {std::istreambuf_iterator<char>{file}, {}};
}

std::vector<imported_session> import_all(const std::string& text) {
  std::vector<imported_session> all;
  json_reader reader{{.bytes_max = 32 << 20, .depth_max = 1024, .strict = false}};
  json_cutter cutter{{}, [&](cut_value&& value) -> expected<void> {
                       TRY(auto root, reader.parse(value.text));
                       auto source = source_of(root);
                       REQUIRE(source);
                       TRY(auto read, read_conversation(*source, root, now));
                       all.push_back(std::move(read));
                       return {};
                     }};
  auto fed = cutter.feed(text);
  REQUIRE(fed);
  REQUIRE(cutter.finish());
  return all;
}

imported_session import_one(const std::string& text) {
  auto all = import_all(text);
  REQUIRE(all.size() == 1);
  return std::move(all.front());
}

/// The tree as "text<parent's place", in the order of the messages.
std::string shape_of(const imported_session& chat) {
  std::map<message_id, size_t> places;
  std::string shape;
  for (const auto& said : chat.messages) {
    auto text = said.parts.back().text.value_or("image");
    shape += (shape.empty() ? "" : " | ") + text;
    if (said.parent_id) shape += "<" + std::to_string(places.at(*said.parent_id));
    CHECK(said.session_id == chat.header.id);
    places.emplace(said.id, places.size());
  }
  return shape;
}

size_t active_place(const imported_session& chat) {
  for (size_t i = 0; i < chat.messages.size(); ++i)
    if (chat.messages[i].id == chat.header.active_leaf_id) return i;
  return chat.messages.size();
}

std::string imported_of(const message& said) {
  json_reader reader;
  auto root = reader.parse(said.metadata.text);
  REQUIRE(root);
  return root->find("imported")->text();
}

}  // namespace

TEST_CASE("a conversation of ChatGPT keeps its branches, and says what it lacks", "[import]") {
  auto chat = import_one(file_text("chatgpt.json"));
  CHECK(chat.source == import_source::chatgpt);
  CHECK(chat.source_id == "c-1");
  CHECK(chat.header.title == "Brücken 橋 and branches");
  CHECK(chat.header.archived);
  CHECK(chat.header.created_at == instant{1712345678500});
  CHECK(chat.header.updated_at == instant{1712349999000});
  CHECK(shape_of(chat) ==
        "You are helpful. | [Missing attachment: plan.pdf]<0 | Looking\n\nSteel, arches.<1 | "
        "A bridge.<2 | ```\n42\n```<1 | Another answer.<4");
  CHECK(active_place(chat) == 5);
  CHECK(chat.header.message_count == 6);

  CHECK(chat.counts.taken == 4);
  CHECK(chat.counts.changed ==
        std::map<std::string, int64_t>{{"attachment_missing", 1}, {"time_missing", 1}});
  CHECK(chat.counts.left_out ==
        std::map<std::string, int64_t>{{"cycle", 2}, {"empty", 1}, {"unknown_role", 1}});
  // Ten nodes of the file hold a message.
  CHECK(chat.counts.total() == 10);

  auto& hidden = chat.messages[0];
  CHECK(hidden.role == message_role::system);
  CHECK(imported_of(hidden) == R"({"id":"n1","hidden":true})");
  auto& question = chat.messages[1];
  CHECK(question.created_at == instant{1712345679250});
  CHECK(content_of(question.parts).find("Was ist das? 🌉") != std::string::npos);
  CHECK(imported_of(question) ==
        R"({"id":"n2","missingCount":2,"missing":["file-service://file-A1","plan.pdf"]})");
  CHECK(chat.messages[2].parts[0].type == part_type::reasoning);
  CHECK(chat.messages[3].model_name == "o3");
  CHECK(chat.messages[4].role == message_role::tool);
  CHECK(imported_of(chat.messages[4]) == R"({"id":"n5","author":"python"})");
  CHECK(chat.messages[5].status == message_status::length);
}

TEST_CASE("a chat of Open WebUI keeps models side by side, reasoning and pictures", "[import]") {
  auto chat = import_one(file_text("openwebui.json"));
  CHECK(chat.source == import_source::openwebui);
  CHECK(chat.header.pinned);
  CHECK(chat.header.system_prompt == "Be brief.");
  CHECK(chat.header.tags == std::vector<std::string>{"bridges", "steel"});
  CHECK(shape_of(chat) == "[Missing attachment: notes.txt] | Hello<0 | Good<0 | Lost and found");
  CHECK(active_place(chat) == 2);
  CHECK(chat.counts.taken == 2);
  CHECK(chat.counts.changed ==
        std::map<std::string, int64_t>{{"attachment_missing", 1}, {"parent_missing", 1}});
  auto& question = chat.messages[0];
  REQUIRE(question.parts.size() == 3);
  CHECK(question.parts[1].type == part_type::image);
  CHECK(question.parts[1].media_type == "image/png");
  auto& first = chat.messages[1];
  CHECK(first.model_name == "Llama 3");
  REQUIRE(first.parts.size() == 2);
  CHECK(first.parts[0].type == part_type::reasoning);
  CHECK(first.parts[0].text == "Is 1 < 2?\n\nYes.");
  CHECK(first.parts[1].text == "Hello");
  CHECK(chat.messages[2].model_name == "qwen");
  CHECK(chat.messages[2].status == message_status::interrupted);
}

TEST_CASE("a conversation of LibreChat, each message with its children", "[import]") {
  auto chat = import_one(file_text("librechat.json"));
  CHECK(chat.source == import_source::librechat);
  CHECK(chat.header.system_prompt == "Be kind.");
  CHECK(shape_of(chat) == "[Missing attachment: data.csv] | ```\nten\n```<0 | Good day<0");
  CHECK(chat.header.created_at == *parse_instant("2025-01-01T10:00:00.000Z"));
  auto& reply = chat.messages[1];
  CHECK(reply.parts[0].type == part_type::reasoning);
  CHECK(reply.parts[1].text == "Hello");
  CHECK(reply.parts[2].text == "```clock\n{}\n```");
  CHECK(chat.messages[2].status == message_status::interrupted);
  CHECK(chat.counts.taken == 1);
  CHECK(chat.counts.total() == 3);
}

TEST_CASE("our own export comes back as it was", "[import]") {
  session header;
  header.id = session_id::make();
  header.title = "Plans";
  header.tags = {"a"};
  header.archived = true;
  header.created_at = header.updated_at = {1000};
  message question;
  question.id = message_id::make();
  question.created_at = {2000};
  question.parts.emplace_back().text = "Hi";
  question.metadata.text = R"({"mine":1})";
  message reply = question;
  reply.id = message_id::make();
  reply.parent_id = question.id;
  reply.created_at = {3000};
  reply.role = message_role::assistant;
  reply.model_name = "gpt";
  reply.pinned = true;
  reply.rating = message_rating::up;
  auto other = reply;
  other.id = message_id::make();
  other.status = message_status::streaming;
  header.active_leaf_id = reply.id;
  transcript writer{transcript_format::json, header, now};
  std::string text;
  writer.begin(text);
  for (const auto* said : {&question, &reply, &other}) writer.add(text, *said);
  writer.end(text);

  auto chat = import_one(text);
  CHECK(chat.source == import_source::parley);
  CHECK(chat.source_id == to_string(header.id));
  CHECK(chat.header.id != header.id);
  CHECK(chat.header.tags == header.tags);
  CHECK(chat.header.archived);
  CHECK(shape_of(chat) == "Hi | Hi<0 | Hi<0");
  CHECK(active_place(chat) == 1);
  CHECK(chat.counts.taken == 3);
  CHECK(chat.messages[0].metadata.text == R"({"mine":1})");
  CHECK(chat.messages[1].pinned);
  CHECK(chat.messages[1].rating == message_rating::up);
  CHECK(chat.messages[2].status == message_status::interrupted);
}

TEST_CASE("what no program here has written is not guessed at", "[import]") {
  json_reader reader;
  for (auto text : {"{}", "[]", "12", R"({"mapping":[]})", R"({"chat":{}})", R"({"messages":[]})",
                    R"({"conversationId":"x"})"}) {
    INFO(text);
    CHECK_FALSE(source_of(*reader.parse(text)));
  }
  for (auto text :
       {R"({"mapping":{}})", R"({"chat":{"history":{}}})", R"({"format":"parley.session"})"}) {
    INFO(text);
    auto root = *reader.parse(text);
    auto read = read_conversation(*source_of(root), root, now);
    REQUIRE_FALSE(read);
    CHECK(code_of(read.error()) == errc::invalid_input);
  }
}

TEST_CASE("values of wrong types in a conversation are passed over", "[import]") {
  auto chat = import_one(
      R"([{"id":"c","title":7,"create_time":"x","current_node":{},"mapping":{"a":3,"b":{"message":)"
      R"({"author":[],"content":1}},"c":{"parent":5,"message":{"author":{"role":"user"},)"
      R"("create_time":-1e300,"content":{"parts":[1,null,{}]},"metadata":[]}},"d":{"message":)"
      R"({"author":{"role":"user"},"content":{"parts":["a\u0000b"]}}}}}])");
  CHECK(chat.counts.left_out == std::map<std::string, int64_t>{{"unknown_role", 1}});
  CHECK(chat.counts.total() == 3);
  REQUIRE(chat.messages.size() == 2);
  CHECK(chat.messages[1].parts[0].text ==
        "a\xEF\xBF\xBD"
        "b");
  CHECK(chat.header.created_at == now);
}
