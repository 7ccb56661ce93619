#include "chat/transcript.hpp"

#include <catch2/catch.hpp>

#include "base/json.hpp"

using namespace parley;

namespace {

session chat_of(std::string title) {
  session header;
  header.id = *session_id::parse("01890000-0000-7000-8000-000000000001");
  header.title = std::move(title);
  return header;
}

message said(message_role role, std::vector<part> parts) {
  message one;
  one.id = message_id::make();
  one.role = role;
  one.parts = std::move(parts);
  return one;
}

part text_part(std::string text) {
  part made;
  made.text = std::move(text);
  return made;
}

part reasoning_part(std::string text) {
  auto made = text_part(std::move(text));
  made.type = part_type::reasoning;
  return made;
}

part image_part(std::string alt) {
  part made;
  made.type = part_type::image;
  made.url = "data:image/png;base64,AAAA";
  made.alt = std::move(alt);
  return made;
}

std::string name_of_title(std::string title, transcript_format format = transcript_format::txt) {
  return transcript_file_name(chat_of(std::move(title)), format);
}

}  // namespace

TEST_CASE("a transcript in JSON has all branches, and says which one is shown", "[transcript]") {
  auto question = said(message_role::user, {text_part("Hi")});
  auto first = said(message_role::assistant, {reasoning_part("Hm."), text_part("Hello")});
  auto second = said(message_role::assistant, {text_part("Good day")});
  first.parent_id = second.parent_id = question.id;
  auto header = chat_of("Plans \"B\"");
  header.active_leaf_id = second.id;
  transcript writer{transcript_format::json, header, instant{0}};
  CHECK(writer.has_tree());
  std::string out;
  writer.begin(out);
  for (const auto* one : {&question, &first, &second}) writer.add(out, *one);
  writer.end(out);

  json_reader reader;
  auto root = reader.parse(out);
  REQUIRE(root);
  CHECK(root->string_at("format") == "parley.session");
  CHECK(root->integer_at("formatVersion") == 1);
  CHECK(root->string_at("exportedAt") == "1970-01-01T00:00:00.000Z");
  CHECK(root->find("session")->string_at("title") == "Plans \"B\"");
  auto messages = root->find("messages")->items();
  REQUIRE(messages.size() == 3);
  CHECK(messages[1].string_at("parentId") == to_string(question.id));
  CHECK(messages[1].find("parts")->first()->string_at("type") == "reasoning");
  auto path = root->find("activePath")->items();
  REQUIRE(path.size() == 2);
  CHECK(path[0].as_string() == to_string(question.id));
  CHECK(path[1].as_string() == to_string(second.id));
}

TEST_CASE("a transcript in JSON of a chat without messages", "[transcript]") {
  transcript writer{transcript_format::json, chat_of(""), instant{0}};
  std::string out;
  writer.begin(out);
  writer.end(out);
  json_reader reader;
  auto root = reader.parse(out);
  REQUIRE(root);
  CHECK(root->find("messages")->items().empty());
  CHECK(root->find("activePath")->items().empty());
}

TEST_CASE("a transcript to be read names who spoke, and what is not text", "[transcript]") {
  auto header = chat_of("Two\nlines");
  header.system_prompt = "Be brief.";
  auto question = said(message_role::user, {text_part("What is this?"), image_part("A bridge")});
  auto reply = said(message_role::assistant, {reasoning_part("Steel?"), text_part("A bridge.")});
  reply.model_name = "gpt";
  reply.status = message_status::stopped;
  auto write = [&](transcript_format format) {
    transcript writer{format, header, instant{1000}};
    CHECK_FALSE(writer.has_tree());
    std::string out;
    writer.begin(out);
    writer.add(out, question);
    writer.add(out, reply);
    writer.end(out);
    return out;
  };
  CHECK(write(transcript_format::md) ==
        "# Two lines\n\n"
        "Created 1970-01-01T00:00:00.000Z, exported 1970-01-01T00:00:01.000Z\n\n"
        "## System prompt\n\nBe brief.\n\n"
        "## User\n\n*1970-01-01T00:00:00.000Z*\n\nWhat is this?\n\n[Image: A bridge]\n\n"
        "## Assistant (gpt)\n\n*1970-01-01T00:00:00.000Z*\n\n"
        "<details><summary>Reasoning</summary>\n\nSteel?\n\n</details>\n\nA bridge.\n\n"
        "*(stopped)*\n\n");
  CHECK(write(transcript_format::txt) ==
        "Two lines\n"
        "Created 1970-01-01T00:00:00.000Z, exported 1970-01-01T00:00:01.000Z\n\n"
        "[System prompt]\nBe brief.\n\n"
        "[User, 1970-01-01T00:00:00.000Z]\nWhat is this?\n[Image: A bridge]\n\n"
        "[Assistant (gpt), 1970-01-01T00:00:00.000Z]\n"
        "(Reasoning)\nSteel?\n(End of reasoning)\nA bridge.\n(stopped)\n\n");
}

TEST_CASE("a transcript's file name keeps what a title says and nothing that misleads",
          "[transcript]") {
  CHECK(name_of_title("Plans", transcript_format::json) == "Plans.json");
  CHECK(name_of_title("Überblick 橋", transcript_format::md) == "Überblick 橋.md");
  CHECK(name_of_title("../../etc/passwd") == "_.._etc_passwd.txt");
  CHECK(name_of_title("a\\b:c*d?e\"f<g>h|i\nj\x7f") == "a_b_c_d_e_f_g_h_i_j_.txt");
  CHECK(name_of_title("evil\u202Etxt.exe\u2066\u0085") == "eviltxt.exe.txt");
  CHECK(name_of_title(" . ") == "chat.txt");
  CHECK(name_of_title("") == "chat.txt");
  std::string wide;
  for (int i = 0; i < 100; ++i) wide += "橋";
  CHECK(name_of_title(wide).size() == 120 + 4);
}
