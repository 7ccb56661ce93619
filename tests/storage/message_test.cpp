// The changes and reads of single messages against a real database.
#include "tests/storage/stored.hpp"

using namespace parley;
using namespace parley::storage;

TEST_CASE("pins and counts change one thing of a message") {
  stored db;
  auto ada = db.add_user("ada");
  auto chat = db.add_session(ada.id);
  auto question = make_message(chat.id, {}, "Hi");
  db.put(create_message{question});
  auto later = instant{question.updated_at.ms + 5};
  db.put(mark_message{chat.id, question.id, true, message_rating::down, {R"({"a":1})"}, later});
  auto row = db.get(read_message{ada.id, {}, question.id});
  CHECK(row.pinned);
  CHECK(row.rating == message_rating::down);
  CHECK(row.metadata.text == R"({"a":1})");
  CHECK(row.version == question.version + 1);
  CHECK(row.updated_at == later);
  auto other = db.add_session(ada.id);
  CHECK(is_fault(db.store(mark_message{other.id, question.id, true, {}, {}, later}),
                 errc::not_found));

  content_measure counted;
  counted.cl100k = 7;
  counted.images = 1;
  counted.crops = 4;
  db.put(recount_messages{chat.id, {{question.id, counted}, {message_id::make(), counted}}});
  CHECK(db.get(load_session{ada.id, chat.id}).messages[0].measure == counted);
  CHECK(db.get(load_session{ada.id, chat.id}).messages[0].is_pinned);
  CHECK(db.get(read_message{ada.id, {}, question.id}).version == row.version);
  // Not through another session, and not what is being written.
  db.put(recount_messages{other.id, {{question.id, {}}}});
  CHECK(db.get(load_session{ada.id, chat.id}).messages[0].measure == counted);
}

TEST_CASE("messages: whole records come back, parents are of the same session") {
  stored db;
  auto ada = db.add_user("ada");
  auto chat = db.add_session(ada.id);
  auto other = db.add_session(ada.id);
  auto question = make_message(chat.id, {}, "what?\n\"quoted\" \xE2\x82\xAC");
  auto& image = question.parts.emplace_back();
  image.type = part_type::image;
  image.url = "data:image/png;base64,AAAA";
  db.put(create_message{question});
  CHECK(is_fault(db.store(create_message{question}), errc::conflict));
  auto foreign = make_message(other.id, question.id, "x");
  CHECK(is_fault(db.store(create_message{foreign}), errc::not_found));
  auto reply = make_reply(chat.id, question.id);
  db.put(create_message{reply});
  db.put_checkpoint(reply.id,
                    {{7, 0, part_type::reasoning, "think"}, {11, 1, part_type::text, "ans"}});
  db.put_checkpoint(reply.id, {{14, 1, part_type::text, "wer"}});
  auto running = db.get(read_message{ada.id, chat.id, reply.id});
  REQUIRE(running.parts.size() == 2);
  CHECK(running.parts[0].type == part_type::reasoning);
  CHECK(running.parts[0].text == "think");
  CHECK(content_of(running.parts) == "answer");
  auto shown = db.get(read_contents{ada.id, chat.id, {reply.id}}).items;
  REQUIRE(shown.size() == 1);
  CHECK(json_of(shown[0].parts) == json_of(running.parts));
  CHECK(is_fault(db.ask(read_message{ada.id, other.id, reply.id}).error(), errc::not_found));

  reply.status = message_status::complete;
  reply.parts.emplace_back().text = "whole";
  reply.usage = usage{10, 20, 5, {}, usage_source::counted};
  reply.timing = reply_timing{100, 900};
  reply.context = context_used{};
  reply.context->tokens = 30;
  reply.context->spans.push_back(
      {question.id, question.id, 1, 20, context_fate::dropped, context_reason::window});
  reply.measure.o200k = 3;
  reply.error = message_error{"provider_failed", "reset", "It broke."};
  db.put(finish_message{reply});
  CHECK(db.count("reply_chunks") == 0);
  auto whole = db.get(read_message{ada.id, {}, reply.id});
  CHECK(json_of(whole) == json_of(reply));
  CHECK(json_of(db.get(read_message{ada.id, {}, question.id})) == json_of(question));
  CHECK(is_fault(db.store(checkpoint_reply{reply.id, 99, {{103, 0, part_type::text, "late"}}}),
                 errc::not_found));
  std::vector wanted{reply.id, message_id::make(), question.id};
  auto contents = db.get(read_contents{ada.id, chat.id, wanted}).items;
  REQUIRE(contents.size() == 2);
  CHECK(contents[0].role == message_role::assistant);
  CHECK(json_of(contents[0].parts) == json_of(reply.parts));
  CHECK(contents[1].id == question.id);
  auto list = db.get(read_messages{ada.id, chat.id, wanted});
  REQUIRE(list.items.size() == 2);
  CHECK(list.items[0].id == reply.id);
  auto state = db.get(load_session{ada.id, chat.id});
  REQUIRE(state.messages.size() == 2);
  CHECK(state.messages[0].parent_id.is_none());
  CHECK(state.messages[1].parent_id == question.id);
  CHECK(state.messages[1].status == message_status::complete);
  CHECK(state.messages[1].measure == reply.measure);
  CHECK_FALSE(state.messages[1].is_pinned);
  db.put(erase_session{chat.id});
  CHECK(is_fault(db.store(erase_session{chat.id}), errc::not_found));
  CHECK(code_of(db.ask(read_message{ada.id, {}, reply.id}).error()) == errc::not_found);
  stored::must(sweep_rows(db.writer(), db.now));
  CHECK(db.count("messages") == 0);
  CHECK(is_fault(db.store(finish_message{reply}), errc::not_found));
}

TEST_CASE("what a provider sent is stored even if it is no UTF-8") {
  stored db;
  auto ada = db.add_user("ada");
  auto chat = db.add_session(ada.id);
  auto entry = make_message(chat.id, {}, "cut \xE2\x82");
  db.put(create_message{entry});
  CHECK(content_of(db.get(read_message{ada.id, {}, entry.id}).parts) == "cut \xEF\xBF\xBD");
}

TEST_CASE("a lost checkpoint leaves no hole in the text") {
  stored db;
  auto ada = db.add_user("ada");
  auto chat = db.add_session(ada.id);
  auto question = make_message(chat.id, {}, "what?");
  db.put(create_message{question});
  auto reply = make_reply(chat.id, question.id);
  db.put(create_message{reply});
  auto text = [&] { return content_of(db.get(read_message{ada.id, chat.id, reply.id}).parts); };
  db.put_checkpoint(reply.id, {{5, 0, part_type::text, "abc"}});
  // "def" was lost, and what came after it stands behind a gap.
  db.put_checkpoint(reply.id, {{11, 0, part_type::text, "ghi"}});
  db.put_checkpoint(reply.id, {{15, 1, part_type::reasoning, "so?"}});
  CHECK(text() == "abc");
  // Made again, it goes on from where it began and covers what is there.
  db.put_checkpoint(reply.id, {{13, 0, part_type::text, "defghijk"}});
  CHECK(text() == "abcdefghijk");
}
