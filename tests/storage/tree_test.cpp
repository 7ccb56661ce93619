// The tree of messages in the database, and copies of a branch.
#include "tests/storage/stored.hpp"

using namespace parley;
using namespace parley::storage;

TEST_CASE("a message goes with all that answers to it") {
  stored db;
  auto ada = db.add_user("ada");
  auto chat = db.add_session(ada.id);
  auto other = db.add_session(ada.id);
  auto question = make_message(chat.id, {}, "Hi");
  auto reply = make_reply(chat.id, question.id);
  auto beside = make_message(chat.id, question.id, "Other");
  auto next = make_message(chat.id, reply.id, "And?");
  auto foreign = make_message(other.id, {}, "Else");
  for (const auto& entry : {question, reply, beside, next, foreign}) db.put(create_message{entry});
  db.put_checkpoint(reply.id, {{4, 0, part_type::text, "ab"}});
  auto siblings = [&](const message& of) {
    return db.get(read_message{ada.id, {}, of.id}).siblings;
  };
  CHECK(siblings(question).count == 1);
  CHECK(siblings(reply).index == 0);
  CHECK(siblings(beside).index == 1);
  CHECK(siblings(beside).count == 2);

  CHECK(is_fault(db.store(erase_messages{other.id, reply.id}), errc::not_found));
  db.put(erase_messages{chat.id, reply.id});
  CHECK(db.count("messages") == 3);
  CHECK(db.count("reply_chunks") == 0);
  CHECK(siblings(beside).count == 1);
  db.put(erase_messages{chat.id, question.id});
  CHECK(db.count("messages") == 1);
  CHECK(is_fault(db.store(erase_messages{chat.id, question.id}), errc::not_found));
}

TEST_CASE("a reply that goes on keeps its parts, and its chunks join them") {
  stored db;
  auto ada = db.add_user("ada");
  auto chat = db.add_session(ada.id);
  auto question = make_message(chat.id, {}, "Count.");
  auto reply = make_reply(chat.id, question.id);
  for (const auto& entry : {question, reply}) db.put(create_message{entry});
  reply.parts.emplace_back().text = "one, ";
  reply.status = message_status::length;
  db.put(finish_message{reply});
  reply.status = message_status::streaming;
  db.put(finish_message{reply});
  db.put_checkpoint(reply.id, {{10, 0, part_type::text, "two"}});
  auto row = db.get(read_message{ada.id, {}, reply.id});
  CHECK(content_of(row.parts) == "one, two");
  CHECK(row.parts.size() == 1);
}

TEST_CASE("a branch is copied as it is, under new ids") {
  stored db;
  auto ada = db.add_user("ada");
  auto eve = db.add_user("eve");
  auto chat = db.add_session(ada.id);
  auto other = db.add_session(ada.id);
  auto hers = db.add_session(eve.id);
  auto question = make_message(chat.id, {}, "Hi");
  auto reply = make_reply(chat.id, question.id);
  for (const auto& entry : {question, reply}) db.put(create_message{entry});
  copy_messages copies{
      chat.id, other.id, {{question.id, message_id::make()}, {reply.id, message_id::make()}}};
  CHECK(is_fault(db.store(copies), errc::not_found));  // it is being written
  CHECK(db.count("messages") == 2);
  reply.status = message_status::complete;
  reply.parts.emplace_back().text = "Hello";
  reply.rating = message_rating::up;
  reply.version = 4;
  db.put(finish_message{reply});
  db.put(copies);
  auto copy = db.get(read_message{ada.id, other.id, copies.messages[1].to});
  CHECK(copy.parent_id == copies.messages[0].to);
  CHECK(content_of(copy.parts) == "Hello");
  CHECK(copy.rating == message_rating::up);
  CHECK(copy.version == 1);
  CHECK(copy.created_at == reply.created_at);
  CHECK(db.get(read_message{ada.id, chat.id, reply.id}).version == 4);

  copies.to = hers.id;
  for (auto& one : copies.messages) one.to = message_id::make();
  CHECK(is_fault(db.store(copies), errc::not_found));
}

TEST_CASE("a folder that is gone shows as none") {
  stored db;
  auto ada = db.add_user("ada");
  folder made;
  made.id = folder_id::make();
  made.owner_id = ada.id;
  made.name = "Work";
  made.created_at = made.updated_at = start_of_test;
  made.place = -3;
  db.put(create_folder{made});
  auto chat = make_session(ada.id);
  chat.folder_id = made.id;
  chat.tags = {"a", "b"};
  chat.pinned = true;
  db.put(create_session{chat});
  auto loaded = db.get(load_user{ada.id});
  REQUIRE(loaded.folders.size() == 1);
  CHECK(loaded.folders[0].name == "Work");
  CHECK(loaded.folders[0].place == -3);
  auto header = db.get(read_session{ada.id, chat.id});
  CHECK(header.folder_id == made.id);
  CHECK(header.tags == chat.tags);
  CHECK(header.pinned);
  made.name = "Works";
  db.put(update_folder{made});
  db.put(erase_folder{made.id});
  CHECK(is_fault(db.store(erase_folder{made.id}), errc::not_found));
  CHECK(is_fault(db.store(update_folder{made}), errc::not_found));
  CHECK_FALSE(db.get(read_session{ada.id, chat.id}).folder_id);
  db.put(create_folder{made});
  db.put(erase_user{ada.id});
  auto writing = stored::must(transaction::begin(db.writer(), transaction::kind::write));
  CHECK(stored::must(sweep_rows(db.writer(), db.now)).rows > 0);
  stored::must_commit(writing);
  CHECK(db.count("folders") == 0);
}
