// What /metrics tells of the database.
#include "tests/support/node_world.hpp"

using namespace parley::test;

TEST_CASE("time in the database is counted by kind of statement") {
  node_world world;
  world.add_session(world.ada());
  CHECK(world.get(world.ada(), "/api/sessions").status == 200);
  auto text = world.ask({"GET", "/metrics", {}, {}}).body;
  for (auto kind : {"create_user", "create_session", "page_sessions", "load_user"}) {
    INFO(kind);
    auto count = "parley_storage_statement_seconds_count{kind=\"" + std::string{kind} + "\"} ";
    auto found = text.find(count);
    REQUIRE(found != std::string::npos);
    CHECK(text[found + count.size()] > '0');
  }
}
