#include "providers/alert_payloads.hpp"

#include <algorithm>
#include <ctime>

#include "base/crypto.hpp"
#include "base/record_json.hpp"

namespace parley::providers {

namespace {

constexpr size_t wecom_bytes_max = 2048;
constexpr size_t bot_bytes_max = 16 << 10;  // Feishu and DingTalk take bodies of 20 KB
constexpr size_t mail_bytes_max = 256 << 10;
constexpr size_t title_bytes_max = 200;

std::string upper(std::string_view text) {
  std::string result{text};
  for (auto& c : result)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return result;
}

/// Of one line: names are an ADMIN's, but a header must not end in the middle of one.
std::string one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(),
      [](char c) { return static_cast<uint8_t>(c) < 0x20 || static_cast<uint8_t>(c) == 0x7f; },
      ' ');
  return text;
}

std::string name_of_alert(const alert& one) {
  return upper(name_of(one.state)) + " " + to_string(one.kind) + " " + one.subject;
}

std::string entry_of(const alert& one) {
  auto text = "\n\n" + one_line(name_of_alert(one)) + "\n";
  if (one.resolved_at)
    return text + "It lasted from " + to_string(one.since) + " to " + to_string(*one.resolved_at) +
           ".";
  return text + one_line(one.summary) + "\nTo do: " + one_line(one.mend) +
         "\nSince: " + to_string(one.since);
}

std::string seconds_of(instant at) {
  return std::to_string(at.ms / 1000);
}

std::string webhook_body(const alert_letter& letter) {
  std::string body;
  json_writer json{body};
  json.begin_object().member("version", 1).member("host", letter.host);
  json.member("sentAt", to_string(letter.at)).key("alerts");
  write_json(json, letter.items);
  json.end_object();
  return body;
}

// Its texts know the mark-up <at user_id="all">.
std::string without_marks(std::string text) {
  for (auto at = text.find('<'); at != text.npos; at = text.find('<', at)) text.replace(at, 1, "(");
  return text;
}

/// {"text": {"content": …}} of DingTalk and WeCom.
std::string bot_body(std::string_view text) {
  std::string body;
  json_writer json{body};
  json.begin_object().member("msgtype", "text").key("text").begin_object();
  json.member("content", text).end_object().end_object();
  return body;
}

// The key is what is to be signed, and what is signed is empty.
std::string feishu_body(const secret_text& key, const alert_letter& letter) {
  std::string body;
  json_writer json{body};
  json.begin_object();
  if (!key.empty()) {
    auto time = seconds_of(letter.at);
    json.member("timestamp", time);
    json.member("sign", base64(hmac_sha256(time + "\n" + key.reveal(), "")));
  }
  json.member("msg_type", "text").key("content").begin_object();
  json.member("text", without_marks(alert_text(letter, bot_bytes_max))).end_object().end_object();
  return body;
}

secret_text dingtalk_url(const secret_text& url, const secret_text& key, instant at) {
  if (key.empty()) return url;
  auto time = std::to_string(at.ms);
  auto sign = base64(hmac_sha256(key.reveal(), time + "\n" + key.reveal()));
  auto joint = url.reveal().find('?') == std::string::npos ? "?" : "&";
  return secret_text{url.reveal() + joint + "timestamp=" + time + "&sign=" + percent_encode(sign)};
}

std::string mail_date(instant at) {
  auto seconds = static_cast<std::time_t>(at.ms / 1000);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[64];
  auto size = std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S +0000", &parts);
  return {text, size};
}

}  // namespace

std::string alert_title(const alert_letter& letter) {
  std::string title;
  if (letter.items.size() == 1) {
    title = name_of_alert(letter.items.front());
  } else {
    auto firing = std::count_if(letter.items.begin(), letter.items.end(),
                                [](const alert& one) { return one.state == alert_state::firing; });
    title = std::to_string(firing) + " FIRING, " +
            std::to_string(static_cast<ptrdiff_t>(letter.items.size()) - firing) + " RESOLVED";
  }
  return one_line(std::string{cut_utf8(title, title_bytes_max)} + " (Parley on " + letter.host +
                  ")");
}

std::string alert_text(const alert_letter& letter, size_t bytes_max) {
  constexpr size_t rest_bytes = 100;
  auto text = alert_title(letter);
  for (size_t i = 0; i < letter.items.size(); ++i) {
    auto entry = entry_of(letter.items[i]);
    if (text.size() + entry.size() + rest_bytes > bytes_max) {
      text +=
          "\n\nAnd " + std::to_string(letter.items.size() - i) + " more: GET /api/admin/alerts.";
      break;
    }
    text += entry;
  }
  return std::string{cut_utf8(text, bytes_max)};
}

alert_post alert_post_of(alert_receiver receiver, const secret_text& url, const secret_text& key,
                         const alert_letter& letter) {
  switch (receiver) {
    case alert_receiver::feishu:
      return {url, {}, feishu_body(key, letter)};
    case alert_receiver::dingtalk:
      return {dingtalk_url(url, key, letter.at), {}, bot_body(alert_text(letter, bot_bytes_max))};
    case alert_receiver::wecom:
      return {url, {}, bot_body(alert_text(letter, wecom_bytes_max))};
    case alert_receiver::webhook:
    case alert_receiver::mail:
      break;
  }
  alert_post post{url, {}, webhook_body(letter)};
  if (key.empty()) return post;
  auto time = seconds_of(letter.at);
  post.headers.push_back("X-Parley-Timestamp: " + time);
  post.headers.push_back("X-Parley-Signature: sha256=" +
                         hex(hmac_sha256(key.reveal(), time + "." + post.body)));
  return post;
}

std::string refusal_in(alert_receiver receiver, std::string_view body) {
  if (receiver == alert_receiver::webhook || receiver == alert_receiver::mail) return {};
  json_limits limits;
  limits.strict = false;
  json_reader reader{limits};
  auto answer = reader.parse(body);
  std::optional<int64_t> code;
  if (answer) {
    // Feishu's older bots say StatusCode.
    auto is_feishu = receiver == alert_receiver::feishu;
    code = answer->integer_at(is_feishu ? "code" : "errcode");
    if (!code && is_feishu) code = answer->integer_at("StatusCode");
  }
  if (!code) return "It did not answer as a bot of " + to_string(receiver) + " does.";
  if (*code == 0) return {};
  auto sentence = "It answered with code " + std::to_string(*code);
  if ((receiver == alert_receiver::dingtalk && *code == 310'000) || *code == 19'021)
    sentence += ": secret, keyword, address or clock do not match what the bot is set to";
  if ((receiver == alert_receiver::wecom && *code == 93'000) || *code == 19'001 || *code == 300'001)
    sentence += ": there is no such bot, its URL is wrong";
  return sentence + ".";
}

std::string encoded_header(std::string_view text) {
  if (std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; }))
    return std::string{text};
  constexpr size_t word_bytes = 36;  // 48 of base64: no line is longer than 76
  std::string words;
  while (!text.empty()) {
    auto piece = cut_utf8(text, word_bytes);
    text.remove_prefix(piece.size());
    words += (words.empty() ? "=?UTF-8?B?" : "\r\n =?UTF-8?B?") + base64(piece) + "?=";
  }
  return words;
}

std::string alert_mail(const alert_letter& letter, const mail_envelope& envelope) {
  std::string mail = "Date: " + mail_date(letter.at) + "\r\n";
  mail += "From: Parley <" + envelope.from + ">\r\nTo: ";
  for (const auto& to : envelope.to) mail += (&to == &envelope.to.front() ? "" : ",\r\n ") + to;
  mail += "\r\nSubject: " + encoded_header(alert_title(letter)) + "\r\n";
  mail += "Message-ID: <" + envelope.message_id + ">\r\n";
  mail += "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n";
  mail += "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n";
  auto text = alert_text(letter, mail_bytes_max) + "\n";
  for (auto at = text.find('\n'); at != text.npos; at = text.find('\n', at + 2))
    text.insert(at, 1, '\r');
  constexpr size_t line_max = 76;
  auto body = base64(text);
  for (size_t at = 0; at < body.size(); at += line_max) mail += body.substr(at, line_max) + "\r\n";
  return mail;
}

}  // namespace parley::providers
