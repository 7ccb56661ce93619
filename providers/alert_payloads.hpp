/// What is sent to each receiver of alerts. Pure: time and names are given.
///
/// Formats and signatures are those of the vendors' pages: DingTalk "custom robot", Feishu "custom
/// bot", WeCom "group robot"; mails are RFC 5322 with RFC 2045 and 2047.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/secret.hpp"
#include "schema/alert.hpp"

namespace parley::providers {

/// Alerts that go out together.
struct alert_letter {
  std::vector<alert> items;  ///< at least one
  std::string host;          ///< which server it is
  instant at;
};

struct alert_post {
  secret_text url;
  std::vector<std::string> headers{};  ///< beside Content-Type
  std::string body{};                  ///< JSON
};

/// One line: "FIRING disk_low data_dir (Parley on host)".
std::string alert_title(const alert_letter& letter);
/// The title, then each alert with what to do, for people; at most `bytes_max` bytes, and then it
/// says how many are left out.
std::string alert_text(const alert_letter& letter, size_t bytes_max);

/// For every receiver but mail. `key`: empty, it does not want a signature.
alert_post alert_post_of(alert_receiver receiver, const secret_text& url, const secret_text& key,
                         const alert_letter& letter);
/// Bots of chats answer 200 whatever happened, and a code in the body. The sentence of a refusal,
/// or nothing; never the vendor's words, which might repeat a token.
std::string refusal_in(alert_receiver receiver, std::string_view body);

struct mail_envelope {
  std::string from;
  std::vector<std::string> to;
  std::string message_id;  ///< without the angle brackets
};
/// A whole message; lines end in CRLF.
std::string alert_mail(const alert_letter& letter, const mail_envelope& envelope);
/// A header's text by RFC 2047: ASCII as it is, otherwise words of base64, one a line.
std::string encoded_header(std::string_view text);

}  // namespace parley::providers
