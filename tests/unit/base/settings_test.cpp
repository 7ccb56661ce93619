#include "base/settings.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <thread>

#include "base/setting_rows.hpp"

using namespace parley;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

struct text_file {
  std::string path = make();

  explicit text_file(std::string_view text) { std::ofstream{path} << text; }
  ~text_file() { ::unlink(path.c_str()); }
  static std::string make() {
    auto pattern = (fs::temp_directory_path() / "parley-settings-XXXXXX").string();
    auto fd = ::mkstemp(pattern.data());
    REQUIRE(fd >= 0);
    ::close(fd);
    return pattern;
  }
};

using pairs = std::vector<std::pair<std::string, std::string>>;
using variables = std::map<std::string, std::string>;

std::string faults_of(const pairs& flags, const variables& environment = {}) {
  auto result = load_settings({flags, environment});
  REQUIRE_FALSE(result);
  CHECK(code_of(result.error()) == errc::invalid_input);
  return sentence_of(result.error());
}

settings load(const pairs& flags, const variables& environment = {}) {
  auto result = load_settings({flags, environment});
  if (!result) FAIL(sentence_of(result.error()));
  return result->values;
}

}  // namespace

TEST_CASE("the defaults are those of the design, threads and memory filled in") {
  auto values = load({});
  CHECK(values.listen == "127.0.0.1:8080");
  CHECK(values.data_dir == "./data");
  CHECK(values.profile == operating_profile::development);
  CHECK(values.registration == registration_rule::automatic);
  CHECK(values.log_level == log_level::normal);
  CHECK(values.bcrypt_cost == 12);
  CHECK(values.out_bytes_max == 262'144);
  CHECK(values.access_token_s == 900s);
  CHECK(values.refresh_token_days == 720h);
  CHECK(values.checkpoint_ms == 1s);
  CHECK(values.trusted_proxies.empty());
  auto cores = std::max(1u, std::thread::hardware_concurrency());
  CHECK(values.io_threads == (cores < 4 ? std::min(cores, 2u) : cores / 2));
  CHECK(values.scheduler_threads >= 1);
  CHECK(values.hashing_threads >= 1);
}

TEST_CASE("a flag goes before a variable, that before the file, that before the default") {
  text_file file{"listen = \"127.0.0.1:1\"\nstreams_max = 1\nreaders = 3\n"};
  variables environment{
      {"PARLEY_CONFIG", file.path}, {"PARLEY_LISTEN", "127.0.0.1:2"}, {"PARLEY_STREAMS_MAX", "2"}};
  auto result = load_settings({{{"listen", "127.0.0.1:3"}}, environment});
  REQUIRE(result);
  CHECK(result->values.listen == "127.0.0.1:3");
  CHECK(result->values.streams_max == 2);
  CHECK(result->values.readers == 3);
  CHECK(result->origins.at("listen") == "--listen");
  CHECK(result->origins.at("streams_max") == "PARLEY_STREAMS_MAX");
  CHECK(result->origins.at("readers") == file.path + ":3:1");
  CHECK(result->origins.count("page_bytes_max") == 0);
  auto printed = print_configuration(*result);
  CHECK(printed.find("listen = \"127.0.0.1:3\"  # --listen\n") != std::string::npos);
  CHECK(printed.find("page_bytes_max = \"1 MiB\"  # default\n") != std::string::npos);
}

TEST_CASE("every type is read from text and from the file") {
  text_file file{
      "profile = \"development\"\nout_bytes_max = \"512 KiB\"\nbodies_bytes_max = 1048576\n"
      "keep_alive_s = 20\nlog_format = \"json\"\ncors_origins = [\"https://a.example.org\"]\n"
      "upstream_ports = [8443, 9443]\nupstream_allow = [\"10.1.0.0/16:8080\", "
      "\"[fd00::/8]:80\"]\n"};
  for (auto& values : {load({{"config", file.path}}),
                       load({{"profile", "development"},
                             {"out-bytes-max", "512KiB"},
                             {"bodies_bytes_max", "1 MiB"},
                             {"keep-alive-s", "20"},
                             {"log-format", "json"},
                             {"cors-origins", "https://a.example.org"},
                             {"upstream-ports", "8443, 9443"},
                             {"upstream-allow", "10.1.0.0/16:8080,[fd00::/8]:80"}})}) {
    CHECK(values.out_bytes_max == 512_KiB);
    CHECK(values.bodies_bytes_max == 1_MiB);
    CHECK(values.keep_alive_s == 20s);
    CHECK(values.log_format == log_format::json);
    CHECK(values.cors_origins == std::vector<std::string>{"https://a.example.org"});
    CHECK(values.upstream_ports == std::vector<uint16_t>{8443, 9443});
    CHECK(values.upstream_allow == std::vector<std::string>{"10.1.0.0/16:8080", "[fd00::/8]:80"});
  }
}

TEST_CASE("a value outside its bounds is named with them") {
  CHECK(faults_of({{"bcrypt-cost", "3"}}) ==
        "--bcrypt-cost: bcrypt_cost must be a whole number from 4 to 15.");
  CHECK(faults_of({}, {{"PARLEY_KEEP_ALIVE_S", "0"}}) ==
        "PARLEY_KEEP_ALIVE_S: keep_alive_s must be a whole number of seconds from 1 to 600.");
  CHECK(faults_of({{"out-bytes-max", "1 GiB"}}) ==
        "--out-bytes-max: out_bytes_max must be a size from 16 KiB to 16 MiB (KiB, MiB, GiB or "
        "bytes).");
  CHECK(faults_of({{"profile", "fast"}}) ==
        "--profile: profile must be one of development, production.");
  for (auto bad : {"", "-1", "1.5", "1e3", "0x10", " 1", "99999999999999999999"})
    CHECK(faults_of({{"streams-max", bad}}).find("from 1 to 1000000") != std::string::npos);
  for (auto bad : {"", "8080", "localhost:8080", "127.0.0.1", "127.0.0.1:65536", "::1:80", "[::1]",
                   "[127.0.0.1]:80"})
    CHECK(faults_of({{"listen", bad}}).find("an address and port") != std::string::npos);
  for (auto bad : {"10.0.0.0/33", "10.0.0/8", "fd00::/129", "example.org", "10.0.0.0/"})
    CHECK(faults_of({{"trusted-proxies", bad}}).find("networks, as in") != std::string::npos);
  for (auto bad : {"10.0.0.0/8", "fd00::8080", "10.0.0.0/8:0", "10.0.0.0/8:65536"})
    CHECK(faults_of({{"upstream-allow", bad}}).find("with a port") != std::string::npos);
  for (auto bad : {"*", "null", "https://a.example.org/", "ftp://a.example.org", "https://"})
    CHECK(faults_of({{"cors-origins", bad}}).find("web origins") != std::string::npos);
  for (auto bad : {"proxy:3128", "http://proxy", "ftp://proxy:1", "http://a@proxy:1",
                   "http://proxy:0", "http://:1", "http://proxy:1/x"})
    CHECK(faults_of({{"upstream-proxy", bad}}).find("a proxy with its port") != std::string::npos);
  for (auto good :
       {"", "http://proxy.example:3128", "https://[fd00::1]:443", "socks5h://10.0.0.1:1"})
    CHECK(load({{"upstream-proxy", good}}).upstream_proxy == good);
  for (auto bad : {"a b", "*", "https://a"})
    CHECK(faults_of({{"upstream-proxy-except", bad}}).find("hosts, as in") != std::string::npos);
}

TEST_CASE("faults of the file come with line and column, all at once") {
  text_file file{
      "streams_max = 10\n\n  keep_alive = 15\nreaders = \"2\"\nlog_level = 3\n"
      "trusted_proxies = [[]]\n[http]\nlisten = \"x\"\n"};
  auto faults = faults_of({{"config", file.path}});
  auto has = [&](const std::string& line) {
    return faults.find(file.path + line) != std::string::npos;
  };
  CHECK(has(":3:3: there is no setting keep_alive; did you mean keep_alive_s?"));
  CHECK(has(":4:1: readers must be a whole number from 1 to 64."));
  CHECK(has(":5:1: log_level must be one of debug, info, warning, error, off."));
  CHECK(has(":6:1: trusted_proxies must be a list of networks"));
  CHECK(has(":7:2: there is no setting http."));
  CHECK(std::count(faults.begin(), faults.end(), '\n') == 4);

  text_file broken{"readers = 2\nreaders = 3\n"};
  CHECK(faults_of({{"config", broken.path}}).find(broken.path + ":2:") == 0);
  text_file unended{"listen = \"127.0.0.1:80\n"};
  CHECK(faults_of({{"config", unended.path}}).find(unended.path + ":1:") == 0);
  CHECK(faults_of({{"config", "/absent/parley.toml"}}) ==
        "/absent/parley.toml: there is no such file.");
}

TEST_CASE("an unknown name is refused with the nearest one") {
  CHECK(faults_of({{"io-thread", "2"}}) ==
        "--io-thread: there is no setting io_thread; did you mean io_threads?");
  CHECK(faults_of({}, {{"PARLEY_LOGLEVEL", "info"}}) ==
        "PARLEY_LOGLEVEL: there is no setting loglevel; did you mean log_level?");
  CHECK(faults_of({{"quite-another-thing", "2"}}) ==
        "--quite-another-thing: there is no setting quite_another_thing.");
  CHECK(faults_of({}, {{"PARLEY_listen", "127.0.0.1:80"}}).find("no setting") != std::string::npos);
  // What Kubernetes sets for a service named "parley".
  load({}, {{"PARLEY_SERVICE_HOST", "10.0.0.1"},
            {"PARLEY_PORT", "tcp://10.0.0.1:80"},
            {"PARLEY_PORT_80_TCP_ADDR", "10.0.0.1"}});
}

TEST_CASE("a secret comes by variable or by file, never by flag, and is never shown") {
  variables name{{"PARLEY_INIT_ADMIN_USERNAME", "root"}};
  auto with = [&](variables more) {
    more.insert(name.begin(), name.end());
    return more;
  };
  auto direct = load({}, with({{"PARLEY_INIT_ADMIN_PASSWORD", "canary-1234"}}));
  CHECK(direct.init_admin_password.reveal() == "canary-1234");
  text_file file{"canary-5678\r\n"};
  auto result = load_settings({{}, with({{"PARLEY_INIT_ADMIN_PASSWORD_FILE", file.path}})});
  REQUIRE(result);
  CHECK(result->values.init_admin_password.reveal() == "canary-5678");
  CHECK(print_configuration(*result).find("canary") == std::string::npos);
  CHECK(print_configuration(*result).find(
            "init_admin_password = \"***\"  # PARLEY_INIT_ADMIN_PASSWORD_FILE\n") !=
        std::string::npos);

  CHECK(faults_of({{"init-admin-password", "canary"}}).find("canary") == std::string::npos);
  CHECK(faults_of({}, with({{"PARLEY_INIT_ADMIN_PASSWORD", "canary"},
                            {"PARLEY_INIT_ADMIN_PASSWORD_FILE", file.path}}))
            .find("keep one of them") != std::string::npos);
  CHECK(faults_of({}, with({{"PARLEY_INIT_ADMIN_PASSWORD_FILE", "/absent"}})) ==
        "PARLEY_INIT_ADMIN_PASSWORD_FILE: /absent: there is no such file.");
  CHECK(faults_of({}, {{"PARLEY_LISTEN_FILE", file.path}}).find("no setting listen_file") !=
        std::string::npos);
  CHECK(faults_of({}, name).find("set together") != std::string::npos);
}

TEST_CASE("the environment is taken once, its secrets are wiped") {
  std::string secret = "PARLEY_INIT_ADMIN_PASSWORD=canary";
  REQUIRE(::putenv(secret.data()) == 0);
  ::setenv("PARLEY_READERS", "5", 1);
  auto taken = take_environment();
  CHECK(taken.at("PARLEY_INIT_ADMIN_PASSWORD") == "canary");
  CHECK(taken.at("PARLEY_READERS") == "5");
  CHECK(::getenv("PARLEY_INIT_ADMIN_PASSWORD") == nullptr);
  CHECK(secret.find("canary") == std::string::npos);
  CHECK(::getenv("PARLEY_READERS") != nullptr);
  ::unsetenv("PARLEY_READERS");
}

TEST_CASE("production refuses weak hashing and plain HTTP to the world") {
  load({{"profile", "production"}});
  load({{"profile", "production"}, {"listen", "[::1]:80"}});
  load({{"bcrypt-cost", "4"}, {"listen", "0.0.0.0:80"}});
  CHECK(faults_of({{"profile", "production"}, {"bcrypt-cost", "11"}}) ==
        "--bcrypt-cost: bcrypt_cost must be at least 12 in production.");
  CHECK(faults_of({{"profile", "production"}, {"listen", "0.0.0.0:80"}}).find("trusted_proxies") !=
        std::string::npos);
  load({{"profile", "production"}, {"listen", "0.0.0.0:80"}, {"trusted-proxies", "10.0.0.0/8"}});
}

TEST_CASE("an I/O thread has its share of what is the node's") {
  settings values;
  values.io_threads = 4;
  CHECK(values.share_of_thread(10'000) == 2500);
  CHECK(values.share_of_thread(10'001) == 2501);
  CHECK(values.share_of_thread(1) == 1);
  values.io_threads = 0;
  CHECK(values.share_of_thread(7) == 7);
}

TEST_CASE("the table is whole: names, meanings, defaults within bounds") {
  std::set<std::string_view> names;
  settings values;
  for (auto& row : setting_rows()) {
    INFO(row.name);
    CHECK(names.insert(row.name).second);
    CHECK(row.meaning.back() == '.');
    CHECK_FALSE(row.group.empty());
    if (row.read_number && row.type != setting_type::choice) {
      CHECK(row.read_number(values) >= row.min);
      CHECK(row.read_number(values) <= row.max);
      raw_setting raw;
      raw.text = std::to_string(row.max);
      CHECK(apply_setting(row, raw, values));
      CHECK(row.read_number(values) == row.max);
      raw.text = std::to_string(row.max + 1);
      CHECK_FALSE(apply_setting(row, raw, values));
    }
  }
  CHECK(names.size() > 60);
}

TEST_CASE("the example file is the table, and right once its lines count") {
  std::ostringstream committed;
  committed << std::ifstream{"deploy/parley.toml.example"}.rdbuf();
  CHECK(committed.str() == example_settings());
  std::istringstream lines{example_settings()};
  std::string uncommented;
  for (std::string line; std::getline(lines, line);) {
    auto equals = line.find(" = ");
    if (line.size() < 2 || equals == std::string::npos) continue;
    if (find_setting(std::string_view{line}.substr(2, equals - 2)))
      uncommented += line.substr(2) + "\n";
  }
  CHECK(static_cast<size_t>(std::count(uncommented.begin(), uncommented.end(), '\n')) ==
        setting_rows().size());
  text_file file{uncommented};
  CHECK(load({{"config", file.path}}).page_bytes_max == 1_MiB);
}

TEST_CASE("receivers of alerts are refused by their setting's name, never with their URL") {
  auto faults = faults_of(
      {{"alert-smtp-url", "smtp://mail.example.org:587"}, {"alert-mail-to", "ada@example.org"}},
      {{"PARLEY_ALERT_WEBHOOK_URL", "ftp://token@hooks.example.org/secret-token"},
       {"PARLEY_ALERT_FEISHU_URL", "http://open.feishu.cn/secret-token"},
       {"PARLEY_ALERT_DINGTALK_SECRET", "SEC-token"}});
  CHECK(faults.find("alert_webhook_url must be a URL") != std::string::npos);
  CHECK(faults.find("alert_feishu_url must begin with https://") != std::string::npos);
  CHECK(faults.find("alert_dingtalk_secret is of no use without alert_dingtalk_url") !=
        std::string::npos);
  CHECK(faults.find("alert_mail_from must be set together") != std::string::npos);
  CHECK(faults.find("token") == std::string::npos);
  CHECK(faults_of({{"alert-smtp-url", "mail.example.org"}}).find("a mail server with its port") !=
        std::string::npos);
  CHECK(faults_of({{"alert-mail-to", "ada@example.org, Eve <eve@example.org>"}})
            .find("mail addresses") != std::string::npos);
}

TEST_CASE("without TLS alerts go to this machine, or beyond if that is said") {
  for (const auto* url : {"http://127.0.0.1:9/x", "http://[::1]/x", "http://localhost:80/x"})
    CHECK(load({}, {{"PARLEY_ALERT_WECOM_URL", url}}).alert_wecom_url.reveal() == url);
  auto far = variables{{"PARLEY_ALERT_WECOM_URL", "http://127.0.0.1.example.org/x"}};
  CHECK(faults_of({}, far).find("alert_tls") != std::string::npos);
  CHECK(load({{"alert-tls", "optional"}}, far).alert_tls == alert_security::optional);
  auto mails = load({{"alert-smtp-url", "smtps://mail.example.org:465"},
                     {"alert-mail-from", "parley@example.org"},
                     {"alert-mail-to", "ada@example.org,eve+alerts@example.org"}});
  CHECK(mails.alert_mail_to ==
        std::vector<std::string>{"ada@example.org", "eve+alerts@example.org"});
}
