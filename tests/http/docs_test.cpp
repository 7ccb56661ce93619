// http/routes/docs.cpp: the contract and the page that shows it.
#include <fstream>

#include "http/contract.hpp"
#include "tests/support/node_world.hpp"
#include "vocabulary_folder.hpp"

using namespace parley;
using namespace parley::test;

namespace {

// The page's script stands beside the folder of the token tables.
void keep_tables_in(const temp_directory& folder) {
  REQUIRE(node_world::has_tables());
  std::filesystem::create_directory_symlink(parley::vocabulary_folder,
                                            folder.path() / "vocabulary");
}

}  // namespace

TEST_CASE("the contract is served, and known again by its tag") {
  node_world world;
  auto got = world.ask({"GET", "/openapi.json", {}, {}});
  CHECK(got.status == 200);
  CHECK(got.header("Content-Type") == "application/json");
  CHECK(got.header("Cache-Control") == "public, no-cache");
  CHECK(got.at("/openapi") == "3.1.0");
  CHECK(got.body == http::contract_json());
  auto tag = got.header("ETag");
  auto again = world.ask({"GET", "/openapi.json", {}, {{"If-None-Match", tag}}});
  CHECK(again.status == 304);
  CHECK(again.body.empty());
  CHECK(again.header("ETag") == tag);
}

TEST_CASE("the page at /docs is served whole, from here alone") {
  temp_directory folder;
  keep_tables_in(folder);
  std::filesystem::create_directory(folder.path() / "reading_page");
  std::ofstream{folder.path() / "reading_page/redoc.standalone.js"} << "var redoc = 1;";
  node_world world{{{"vocabulary-dir", (folder.path() / "vocabulary").string()}}};

  auto page = world.ask({"GET", "/docs", {}, {}});
  CHECK(page.status == 200);
  CHECK(page.header("Content-Type") == "text/html; charset=utf-8");
  CHECK(page.header("Content-Security-Policy").find("default-src 'none'; script-src 'self';") == 0);
  CHECK(page.body.find("src=\"/docs/redoc.standalone.js\"") != std::string::npos);
  CHECK(page.body.find("spec-url=\"/openapi.json\"") != std::string::npos);
  CHECK(page.body.find("://") == std::string::npos);

  auto script = world.ask({"GET", "/docs/redoc.standalone.js", {}, {}});
  CHECK(script.status == 200);
  CHECK(script.header("Content-Type") == "text/javascript; charset=utf-8");
  CHECK(script.body == "var redoc = 1;");
  header_list known{{"If-None-Match", script.header("ETag")}};
  CHECK(world.ask({"GET", "/docs/redoc.standalone.js", {}, known}).status == 304);
}

TEST_CASE("a server that was built without the page says so") {
  temp_directory folder;
  keep_tables_in(folder);
  node_world world{{{"vocabulary-dir", (folder.path() / "vocabulary").string()}}};
  auto page = world.ask({"GET", "/docs", {}, {}});
  CHECK(page.status == 503);
  CHECK(page.header("Retry-After") != "(absent)");
  CHECK(page.body.find("href=\"/openapi.json\"") != std::string::npos);
  CHECK(world.ask({"GET", "/docs/redoc.standalone.js", {}, {}}).status == 404);
}

TEST_CASE("a change is never answered 304") {
  node_world world;
  auto tag = world.get(world.ada(), "/api/users/me").header("ETag");
  CHECK(world.get(world.ada(), "/api/users/me", {{"If-None-Match", tag}}).status == 304);
  auto changed = world.patch(world.ada(), "/api/users/me", "{}", {{"If-None-Match", "*"}});
  CHECK(changed.status == 200);
}
