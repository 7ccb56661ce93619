// tests/http/access.tsv: who gets which answer, asked of every route over real sockets.
#include <fstream>
#include <sstream>

#include "base/secrets_file.hpp"
#include "base/signed_token.hpp"
#include "http/router.hpp"
#include "tests/support/contract.hpp"
#include "tests/support/node_world.hpp"

using namespace parley;
using namespace parley::test;

namespace {

constexpr auto file = "tests/http/access.tsv";
const std::string nobodys = "01890000-0000-7000-8000-000000000000";
/// Allowed to users, and closed.
const std::string secure = "https://127.0.0.1:65000/v1";
/// In every title and message that is made here, with its owner's name.
const std::string secret = "secret of ";

struct expectation {
  std::string verb;
  std::string path;
  std::string body;
  std::map<std::string, std::string> status;  ///< by column

  std::string name() const { return verb + " " + path; }
  bool speaks_of(const std::string& kind) const {
    return (path + body).find("{" + kind + "}") != std::string::npos;
  }
};

std::vector<std::string> split(const std::string& line) {
  std::vector<std::string> cells;
  std::istringstream from{line};
  for (std::string cell; std::getline(from, cell, '\t');) cells.push_back(cell);
  return cells;
}

std::vector<expectation> read_expectations() {
  std::ifstream from{file};
  std::vector<expectation> all;
  std::vector<std::string> columns;
  for (std::string line; std::getline(from, line);) {
    if (line.empty() || line.front() == '#') continue;
    auto cells = split(line);
    if (columns.empty()) {
      columns = cells;
      continue;
    }
    if (cells.size() != columns.size()) throw std::runtime_error{"access.tsv, cells: " + line};
    expectation row{cells[0], cells[1], cells[2] == "-" ? "" : cells[2], {}};
    for (size_t i = 3; i < cells.size(); ++i) row.status[columns[i]] = cells[i];
    all.push_back(std::move(row));
  }
  if (all.empty()) throw std::runtime_error{std::string{file} + " has no row"};
  return all;
}

/// The place in THE table of what a row asks for.
http::route_index route_of(const http::router& known, const expectation& row) {
  auto path = row.path.substr(0, row.path.find('?'));
  for (auto open = path.find('{'); open != std::string::npos; open = path.find('{'))
    path.replace(open, path.find('}') - open + 1, "x");
  auto match = known.table().match(http::parse_method(row.verb).value(), path);
  if (match.result != http::route_match::outcome::found) return http::no_route;
  return match.route;
}

http::router the_table() {
  auto made = http::router::make(settings{});
  if (!made) throw std::runtime_error{"THE table can't be made"};
  return std::move(*made);
}

/// What models call: lists, embeddings and replies.
struct provider {
  scripted_upstream models{[](const std::string& request) {
    auto json = [](const char* body) {
      return script{send_bytes(whole_response(200, "application/json", body))};
    };
    if (request.starts_with("GET")) return json(R"({"data":[{"id":"m"}]})");
    if (request.find("/embeddings ") != std::string::npos)
      return json(
          R"({"data":[{"index":0,"embedding":[0.5]}],"usage":{"prompt_tokens":1,"total_tokens":1}})");
    return reply_of({"Hello"});
  }};
};

class access_world : public node_world {
 public:
  access_world();
  void check(const expectation& row);

 private:
  struct person : account {
    std::map<std::string, account> keys;  ///< by scope
  };
  struct call {
    const account* who;
    const person* owner;  ///< of what is spoken of; none: nobody, or no id at all
    std::string id;       ///< in place of an owner's
    const person* caller;
  };

  std::string next_name() { return "p" + std::to_string(++names_); }
  person make_person(const std::string& role);
  void make_cast();
  account former_admin(const std::string& change);
  access_claims claims_of(const account& who);
  account late(const account& who);
  void put_piece(const person& owner, const std::string& upload);
  std::string make_job(const person& owner);
  std::string make(const std::string& kind, const person& owner);
  std::string value_of(const std::string& kind, const call& how);
  std::string fill(std::string text, const call& how);
  http_answer ask(const expectation& row, const call& how);
  void expect(const expectation& row, const std::string& column, const call& how);
  void check_stranger(const expectation& row, const std::string& prefix, const call& other);

  std::optional<token_signer> signer_;  ///< the server's own
  provider provider_;
  int names_ = 0;
  account nobody_, expired_, ended_, demoted_;
  person user_, stranger_, victim_, chief_, second_;
};

access_world::access_world()
    : node_world({{"upstream-allow", "127.0.0.0/8:65000"},
                  {"read-calls-per-min", "1000000"},
                  {"write-calls-per-min", "1000000"},
                  {"logins-per-user-max", "1000"},
                  {"uploads-per-user-max", "1000"},
                  {"login-fails-free", "100"},
                  {"login-fails-per-address-max", "10000"}}) {
  auto keys = load_or_make_secrets(values().data_dir);
  if (!keys) throw std::runtime_error{"the secrets can't be read"};
  signer_.emplace(keys->access_tokens);
  add_model();
  ended_ = former_admin(R"({"status":"disabled"})");
  demoted_ = former_admin(R"({"role":"USER"})");
  expired_ = late(ada());
  make_cast();
}

account access_world::former_admin(const std::string& change) {
  auto who = add_user(next_name(), "ADMIN");
  if (patch(ada(), "/api/users/" + who.id, change).status != 200)
    throw std::runtime_error{"an account can't be changed"};
  return who;
}

access_claims access_world::claims_of(const account& who) {
  auto claims = signer_->verify(who.access_token, system_wall_clock().now());
  if (!claims) throw std::runtime_error{"a token of the server's can't be read"};
  return *claims;
}

/// The same person with a token of ours that ran out an hour ago.
account access_world::late(const account& who) {
  auto claims = claims_of(who);
  claims.issued_s -= 7200;
  claims.expires_s = claims.issued_s + 3600;
  auto result = who;
  result.access_token = signer_->sign(claims);
  return result;
}

access_world::person access_world::make_person(const std::string& role) {
  person made{add_user(next_name(), role), {}};
  for (std::string scope : {"chat", "models", "read", "admin"}) {
    if (scope == "admin" && role != "ADMIN") continue;
    auto key = post(made, "/api/keys", R"({"name":"k","scopes":[")" + scope + "\"]}");
    if (key.status != 201) throw std::runtime_error{"no key: " + key.body};
    made.keys[scope].access_token = key.at("/key");
  }
  return made;
}

void access_world::make_cast() {
  user_ = make_person("USER");
  stranger_ = make_person("USER");
  victim_ = make_person("USER");
  chief_ = make_person("ADMIN");
  second_ = make_person("ADMIN");
}

void access_world::put_piece(const person& owner, const std::string& upload) {
  auto answer =
      node_world::ask({"PUT",
                       "/api/uploads/" + upload + "?offset=0",
                       "x",
                       {authorization(owner), {"Content-Type", "application/octet-stream"}}});
  if (answer.status != 200) throw std::runtime_error{"no piece: " + answer.body};
}

/// An export that is done.
std::string access_world::make_job(const person& owner) {
  auto job = post(owner, "/api/users/me/export", "");
  if (job.status != 202) throw std::runtime_error{"no export: " + job.body};
  event_stream events{
      port(), {"GET", "/api/jobs/" + job.at("/id") + "/events", {}, {authorization(owner)}}};
  if (events.next("done").at("/status") != "done") throw std::runtime_error{"the export failed"};
  return job.at("/id");
}

/// Something new of this kind; its id.
std::string access_world::make(const std::string& kind, const person& owner) {
  auto note = secret + owner.username;
  auto made = [&](const std::string& path, const std::string& body, const char* id = "/id") {
    auto answer = post(owner, path, body, {{"Accept", "application/json"}});
    if (answer.status > 201) throw std::runtime_error{kind + " can't be made: " + answer.body};
    return answer.at(id);
  };
  auto say = [&](const std::string& session) {
    return made("/api/chat/stream",
                R"({"sessionId":")" + session + R"(","content":")" + note + "\"}");
  };
  if (kind == "user") return owner.id;
  if (kind == "login") return to_string(claims_of(log_in(owner.username)).login);
  if (kind == "folder") return made("/api/folders", R"({"name":")" + note + "\"}");
  if (kind == "key") return made("/api/keys", R"({"name":"k","scopes":["read"]})");
  if (kind == "model")
    return made("/api/models",
                R"({"name":")" + next_name() + R"(","model":"m","baseUrl":")" + secure + "\"}");
  if (kind == "open" || kind == "name") {
    auto name = next_name();
    auto model =
        post(ada(), "/api/models/system",
             R"({"name":")" + name + R"(","model":"m","baseUrl":")" + provider_.models.url() +
                 R"(/v1","access":[{"type":"user","id":")" + owner.id + "\"}]}");
    return kind == "name" ? name : model.at("/id");
  }
  if (kind == "upload" || kind == "loaded") {
    auto upload = made("/api/uploads", R"({"name":")" + note + R"(","bytes":1})");
    if (kind == "loaded") put_piece(owner, upload);
    return upload;
  }
  if (kind == "job") return make_job(owner);
  if (kind == "invitation") return post(ada(), "/api/users/invitations", "{}").at("/invitation/id");
  auto session = made("/api/sessions", R"({"title":")" + note + "\"}");
  if (kind == "cut")
    upstream_plays_once(
        {send_bytes(stream_head()),
         send_bytes(stream_chunk(content_chunk("one, ") + finish_chunk("length") + done_chunk())),
         send_bytes(stream_end())});
  auto message = say(session);
  if (kind == "message" || kind == "cut") return message + "@" + session;
  if (kind == "summarised") {
    say(session);
    auto path = "/api/sessions/" + session + "/summary";
    if (put(owner, path, R"({"text":")" + note + "\"}").status != 200)
      throw std::runtime_error{"no summary"};
  }
  return session;
}

std::string access_world::value_of(const std::string& kind, const call& how) {
  if (kind == "unique") return next_name();
  if (kind == "upstream") return provider_.models.url() + "/v1";
  if (kind == "secure") return secure;
  if (kind == "mine") return make("session", how.caller != nullptr ? *how.caller : user_);
  return how.owner == nullptr ? how.id : make(kind, *how.owner);
}

/// From the end, so that a message is made before its session is named.
std::string access_world::fill(std::string text, const call& how) {
  std::string parent;
  for (auto open = text.rfind('{'); open != std::string::npos;
       open = open == 0 ? std::string::npos : text.rfind('{', open - 1)) {
    auto kind = text.substr(open + 1, text.find('}', open) - open - 1);
    if (kind.empty() || kind.find_first_of("\" :") != std::string::npos) continue;
    auto value = kind == "session" && !parent.empty() ? parent : value_of(kind, how);
    if (auto at = value.find('@'); at != std::string::npos) {
      parent = value.substr(at + 1);
      value.resize(at);
    }
    text.replace(open, kind.size() + 2, value);
  }
  return text;
}

http_answer access_world::ask(const expectation& row, const call& how) {
  http_request request{row.verb, row.path, row.body, {}};
  auto filled = fill(row.path + "\n" + row.body, how);
  request.path = filled.substr(0, filled.find('\n'));
  request.body = filled.substr(filled.find('\n') + 1);
  if (!how.who->access_token.empty()) request.headers.push_back(authorization(*how.who));
  if (row.path.starts_with("/api/chat/") && row.verb == "POST")
    request.headers.emplace_back("Accept", "application/json");
  if (row.verb == "PUT" && row.path.starts_with("/api/uploads/"))
    request.headers.emplace_back("Content-Type", "application/octet-stream");
  event_stream opened{port(), request};
  return opened.head();
}

void access_world::expect(const expectation& row, const std::string& column, const call& how) {
  auto wanted = row.status.at(column);
  if (wanted == "-") return;
  auto got = ask(row, how);
  INFO(row.name() << " " << row.body << ", column " << column << ": " << got.body.substr(0, 300));
  CHECK(std::to_string(got.status) == wanted);
}

/// What is somebody else's is as if it were not there: the same body, and nothing of what it says.
void access_world::check_stranger(const expectation& row, const std::string& prefix,
                                  const call& other) {
  auto wanted = row.status.at(prefix + "other");
  if (wanted == "-") return;
  auto foreign = ask(row, other);
  auto absent = ask(row, {other.who, nullptr, nobodys, other.caller});
  INFO(row.name() << " " << row.body << ", columns " << prefix << "other, " << prefix
                  << "absent: " << foreign.body.substr(0, 300));
  CHECK(std::to_string(foreign.status) == wanted);
  CHECK(std::to_string(absent.status) == row.status.at(prefix + "absent"));
  CHECK(foreign.body.find(secret + other.owner->username) == std::string::npos);
  if (foreign.status == 404 && !row.speaks_of("name"))
    CHECK(foreign.without_request_id() == absent.without_request_id());
}

void access_world::check(const expectation& row) {
  // What changes accounts leaves nobody to go on with.
  auto is_last = row.verb != "GET" &&
                 (row.path.starts_with("/api/users") || row.path.starts_with("/api/auth"));
  expect(row, "none", {&nobody_, &user_, {}, nullptr});
  expect(row, "expired", {&expired_, &user_, {}, nullptr});
  expect(row, "ended", {&ended_, &user_, {}, nullptr});
  expect(row, "demoted", {&demoted_, &user_, {}, nullptr});
  check_stranger(row, "", {&user_, &stranger_, {}, &user_});
  expect(row, "bad", {&user_, nullptr, "not-an-id", &user_});
  check_stranger(row, "a-", {&chief_, &victim_, {}, &chief_});
  expect(row, "a-bad", {&chief_, nullptr, "not-an-id", &chief_});
  for (std::string scope : {"chat", "models", "read"})
    expect(row, "k-" + scope, {&user_.keys.at(scope), &user_, {}, &user_});
  expect(row, "k-admin", {&second_.keys.at("admin"), &second_, {}, &second_});
  expect(row, "own", {&user_, &user_, {}, &user_});
  expect(row, "a-own", {&chief_, &chief_, {}, &chief_});
  if (is_last) make_cast();
}

void walk(const std::function<bool(const std::string& path)>& is_meant) {
  access_world world;
  for (auto& row : read_expectations())
    if (is_meant(row.path)) world.check(row);
}

bool is_chat(const std::string& path) {
  return path.starts_with("/api/sessions") || path.starts_with("/api/folders") ||
         path.starts_with("/api/chat");
}
bool is_account(const std::string& path) {
  return path.starts_with("/api/users") || path.starts_with("/api/auth") ||
         path.starts_with("/api/admin");
}

}  // namespace

TEST_CASE("access: every route has its row, and every row its route") {
  auto known = the_table();
  std::set<http::route_index> seen;
  for (auto& row : read_expectations()) {
    INFO(row.name());
    auto route = route_of(known, row);
    REQUIRE(route != http::no_route);
    seen.insert(route);
    CHECK((row.body.empty() || known.table().row(route).body == http::body_mode::buffered));
  }
  for (size_t i = 0; i < known.table().size(); ++i) {
    auto index = static_cast<http::route_index>(i);
    const auto& route = known.table().row(index);
    INFO("no row in " << file << ": " << http::to_string(route.verb) << " " << route.pattern);
    CHECK(seen.count(index) == 1);
  }
}

TEST_CASE("access: the rows say what the contract says") {
  auto known = the_table();
  contract written;
  auto paths = member_at(written.root(), {"paths"});
  for (auto& row : read_expectations()) {
    INFO(row.name() << " " << row.body);
    const auto& entry = known.table().row(route_of(known, row));
    std::string verb{http::to_string(entry.verb)};
    for (auto& letter : verb) letter = static_cast<char>(std::tolower(letter));
    auto operation = member_at(paths, {entry.pattern, verb});
    auto statuses = names_in(member_at(operation, {"responses"}));
    for (auto& [column, status] : row.status)
      if (status != "-") CHECK(statuses.count(status) == 1);
    auto role = *operation.string_at("x-role");
    auto security = operation.find("security");
    auto is_open = security && security->items().empty();
    CHECK(is_open == (role == "anyone"));
    for (auto column : {"none", "expired", "ended", "demoted"})
      CHECK(row.status[column] == (is_open ? row.status["own"] : "401"));
    for (auto column : {"own", "other", "absent", "bad"})
      if (role == "admin" && row.status[column] != "-") CHECK(row.status[column] == "403");
    if (role == "user") CHECK(row.status["own"] != "403");
    if (!is_open) CHECK(row.status["a-own"] != "403");
  }
}

TEST_CASE("access: chats, folders and turns") {
  walk(is_chat);
}

TEST_CASE("access: accounts, and what is an ADMIN's") {
  walk(is_account);
}

TEST_CASE("access: all other routes") {
  walk([](const std::string& path) { return !is_chat(path) && !is_account(path); });
}
