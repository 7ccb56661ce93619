// The vendors' formats and signatures; those of the signatures were computed by their own examples
// (Python's hmac and base64).
#include "providers/alert_payloads.hpp"

#include <catch2/catch.hpp>

#include "base/crypto.hpp"
#include "base/json.hpp"
#include "base/text.hpp"

using namespace parley;
using namespace parley::providers;

namespace {

constexpr instant at{1'700'000'000'123};

alert low_disk() {
  alert one;
  one.kind = alert_kind::disk_low;
  one.subject = "data_dir";
  one.since = at;
  one.summary = "Little is free.";
  one.mend = "Make room.";
  return one;
}

alert resolved_disk() {
  auto one = low_disk();
  one.state = alert_state::resolved;
  one.resolved_at = instant{at.ms + 60'000};
  return one;
}

alert_letter letter_of(std::vector<alert> items) {
  return {std::move(items), "chat-1", at};
}

constexpr auto one_text =
    "FIRING disk_low data_dir (Parley on chat-1)\n\n"
    "FIRING disk_low data_dir\nLittle is free.\nTo do: Make room.\n"
    "Since: 2023-11-14T22:13:20.123Z";

std::string head_of(const std::string& mail) {
  return mail.substr(0, mail.find("\r\n\r\n") + 2);
}

std::string body_of(const std::string& mail) {
  std::string text;
  for (auto c : mail.substr(mail.find("\r\n\r\n") + 4))
    if (c != '\r' && c != '\n') text += c;
  return parse_base64(text).value_or("(no base64)");
}

}  // namespace

TEST_CASE("a text says what, what to do and since when", "[alerts]") {
  CHECK(alert_text(letter_of({low_disk()}), 2048) == one_text);
  auto text = alert_text(letter_of({low_disk(), resolved_disk()}), 2048);
  CHECK(text.starts_with("1 FIRING, 1 RESOLVED (Parley on chat-1)\n\n"));
  CHECK(
      text.ends_with("\n\nRESOLVED disk_low data_dir\n"
                     "It lasted from 2023-11-14T22:13:20.123Z to 2023-11-14T22:14:20.123Z."));
}

TEST_CASE("a text that would be too long says how many alerts are left out", "[alerts]") {
  auto text = alert_text(letter_of(std::vector(30, low_disk())), 1000);
  CHECK(text.size() <= 1000);
  CHECK(text.find("more: GET /api/admin/alerts.") != text.npos);
  auto wide = low_disk();
  wide.summary = std::string(5000, 'x');
  CHECK(alert_text(letter_of({wide}), 2048).ends_with("And 1 more: GET /api/admin/alerts."));
}

TEST_CASE("a webhook gets JSON, signed with its time", "[alerts]") {
  auto url = secret_text{"https://hooks.example.org/x"};
  auto post = alert_post_of(alert_receiver::webhook, url, secret_text{"key"},
                            letter_of({low_disk(), resolved_disk()}));
  CHECK(post.url == url);
  CHECK(post.body ==
        R"({"version":1,"host":"chat-1","sentAt":"2023-11-14T22:13:20.123Z","alerts":[)"
        R"({"kind":"disk_low","subject":"data_dir","state":"firing",)"
        R"("since":"2023-11-14T22:13:20.123Z","resolvedAt":null,)"
        R"("summary":"Little is free.","mend":"Make room."},)"
        R"({"kind":"disk_low","subject":"data_dir","state":"resolved",)"
        R"("since":"2023-11-14T22:13:20.123Z","resolvedAt":"2023-11-14T22:14:20.123Z",)"
        R"("summary":"Little is free.","mend":"Make room."}]})");
  CHECK(post.headers ==
        std::vector<std::string>{
            "X-Parley-Timestamp: 1700000000",
            "X-Parley-Signature: sha256=" + hex(hmac_sha256("key", "1700000000." + post.body))});
  CHECK(alert_post_of(alert_receiver::webhook, url, {}, letter_of({low_disk()})).headers.empty());
}

TEST_CASE("DingTalk gets a text, and its signature in the query", "[alerts]") {
  secret_text url{"https://oapi.dingtalk.com/robot/send?access_token=t"};
  auto post = alert_post_of(alert_receiver::dingtalk, url, secret_text{"SEC-dingtalk"},
                            letter_of({low_disk()}));
  CHECK(post.url.reveal() ==
        url.reveal() +
            "&timestamp=1700000000123&sign=uxahO3gX7ze1gplEtmmIfnBxCOUiOJcATao%2Bjj0BVD4%3D");
  json_reader reader;
  auto body = reader.parse(post.body);
  REQUIRE(body);
  CHECK(body->string_at("msgtype") == "text");
  CHECK(body->find("text")->string_at("content") == one_text);
  CHECK(alert_post_of(alert_receiver::dingtalk, url, {}, letter_of({low_disk()})).url == url);
}

TEST_CASE("Feishu gets a text, time and signature in the body, and no mark-up", "[alerts]") {
  auto alerts = low_disk();
  alerts.subject = R"(<at user_id="all">x)";
  auto post = alert_post_of(alert_receiver::feishu, secret_text{"https://open.feishu.cn/x"},
                            secret_text{"feishu-key"}, letter_of({alerts}));
  json_reader reader;
  auto body = reader.parse(post.body);
  REQUIRE(body);
  CHECK(body->string_at("timestamp") == "1700000000");
  CHECK(body->string_at("sign") == "ThuM0CwdPeClDBQd+eZuiXQ78R9b2T65eMKqIyMNTV8=");
  CHECK(body->string_at("msg_type") == "text");
  auto text = std::string{*body->find("content")->string_at("text")};
  CHECK(text.find('<') == text.npos);
  auto plain = alert_post_of(alert_receiver::feishu, secret_text{"https://open.feishu.cn/x"}, {},
                             letter_of({low_disk()}));
  CHECK(plain.body.starts_with(R"({"msg_type":"text","content":{"text":"FIRING)"));
}

TEST_CASE("WeCom gets a text of at most 2048 bytes", "[alerts]") {
  auto post = alert_post_of(alert_receiver::wecom, secret_text{"https://qyapi.weixin.qq.com/x"}, {},
                            letter_of(std::vector(100, low_disk())));
  json_reader reader;
  auto body = reader.parse(post.body);
  REQUIRE(body);
  CHECK(body->string_at("msgtype") == "text");
  CHECK(body->find("text")->string_at("content")->size() <= 2048);
  CHECK(post.headers.empty());
}

TEST_CASE("a bot's answer says whether it took the message", "[alerts]") {
  auto of = [](alert_receiver receiver, std::string_view body) {
    return refusal_in(receiver, body);
  };
  CHECK(of(alert_receiver::dingtalk, R"({"errcode":0,"errmsg":"ok"})").empty());
  CHECK(of(alert_receiver::wecom, R"({"errcode":0,"errmsg":"ok"})").empty());
  CHECK(of(alert_receiver::feishu, R"({"code":0,"msg":"success","data":{}})").empty());
  CHECK(of(alert_receiver::feishu, R"({"StatusCode":0,"StatusMessage":"success"})").empty());
  CHECK(of(alert_receiver::webhook, "anything").empty());
  auto refused = of(alert_receiver::dingtalk, R"({"errcode":310000,"errmsg":"token abc"})");
  CHECK(refused.find("310000") != refused.npos);
  CHECK(refused.find("secret") != refused.npos);
  CHECK(refused.find("abc") == refused.npos);
  CHECK(of(alert_receiver::wecom, R"({"errcode":93000,"errmsg":"x"})").find("no such bot") !=
        std::string::npos);
  CHECK(of(alert_receiver::feishu, R"({"code":19021,"msg":"x"})").find("clock") !=
        std::string::npos);
  CHECK_FALSE(of(alert_receiver::feishu, "<html>").empty());
  CHECK_FALSE(of(alert_receiver::wecom, R"({"code":0})").empty());
}

TEST_CASE("a mail is a message of RFC 5322", "[alerts]") {
  auto mail = alert_mail(letter_of({low_disk()}),
                         {"parley@example.org", {"ada@example.org", "eve@example.org"}, "m@x"});
  CHECK(head_of(mail) ==
        "Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"
        "From: Parley <parley@example.org>\r\n"
        "To: ada@example.org,\r\n eve@example.org\r\n"
        "Subject: FIRING disk_low data_dir (Parley on chat-1)\r\n"
        "Message-ID: <m@x>\r\n"
        "Auto-Submitted: auto-generated\r\n"
        "MIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: base64\r\n");
  std::string lines;
  for (auto c : body_of(mail))
    if (c != '\r') lines += c;
  CHECK(lines == std::string{one_text} + "\n");
  CHECK(body_of(mail).find("(Parley on chat-1)\r\n\r\nFIRING") != std::string::npos);
  for (size_t line = 0, end = 0; (end = mail.find("\r\n", line)) != mail.npos; line = end + 2)
    CHECK(end - line <= 76);
}

TEST_CASE("no name can forge a header, and other scripts are words of RFC 2047", "[alerts]") {
  auto forged = low_disk();
  forged.subject = "a\r\nBcc: eve@example.org";
  auto head = head_of(alert_mail(letter_of({forged}), {"p@x", {"a@x"}, "m@x"}));
  CHECK(head.find("\r\nBcc") == head.npos);
  CHECK(encoded_header("plain (text)") == "plain (text)");
  CHECK(encoded_header("模型") == "=?UTF-8?B?5qih5Z6L?=");
  std::string wide;
  for (int i = 0; i < 30; ++i) wide += "模";
  auto words = encoded_header(wide);
  std::string decoded;
  for (size_t line = 0; line < words.size();) {
    auto end = std::min(words.find("\r\n ", line), words.size());
    auto word = words.substr(line, end - line);
    CHECK(word.size() <= 66);
    REQUIRE(word.starts_with("=?UTF-8?B?"));
    decoded += parse_base64(word.substr(10, word.size() - 12)).value_or("");
    line = end + 3;
  }
  CHECK(decoded == wide);
}
