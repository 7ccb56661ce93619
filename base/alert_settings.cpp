#include "base/alert_settings.hpp"

#include <algorithm>

namespace parley {

namespace {

constexpr size_t url_bytes_max = 2048;

struct web_receiver {
  std::string_view url_name;
  secret_text settings::*url;
  std::string_view secret_name;
  secret_text settings::*secret;
};
constexpr web_receiver web_receivers[] = {
    {"alert_webhook_url", &settings::alert_webhook_url, "alert_webhook_secret",
     &settings::alert_webhook_secret},
    {"alert_feishu_url", &settings::alert_feishu_url, "alert_feishu_secret",
     &settings::alert_feishu_secret},
    {"alert_dingtalk_url", &settings::alert_dingtalk_url, "alert_dingtalk_secret",
     &settings::alert_dingtalk_secret},
    {"alert_wecom_url", &settings::alert_wecom_url, {}, nullptr},
};

/// With its port, as it stands between "://" and the path.
std::string_view authority_of(std::string_view url) {
  auto begin = url.find("://");
  if (begin == url.npos) return {};
  url.remove_prefix(begin + 3);
  return url.substr(0, url.find_first_of("/?"));
}

bool is_web_url(std::string_view url) {
  auto is_plain = [](char c) { return c > 0x20 && c < 0x7f && c != '\\' && c != '#'; };
  auto host = authority_of(url);
  return (url.starts_with("https://") || url.starts_with("http://")) &&
         url.size() <= url_bytes_max && std::all_of(url.begin(), url.end(), is_plain) &&
         !host.empty() &&
         host.find_first_not_of(
             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
             "0123456789.-_:[]") == host.npos;
}

void check_mail(const settings& values, std::vector<setting_fault>& faults) {
  auto has_server = !values.alert_smtp_url.empty();
  if (has_server && values.alert_mail_from.empty())
    faults.push_back({"alert_mail_from", "must be set together with alert_smtp_url"});
  if (has_server && values.alert_mail_to.empty())
    faults.push_back({"alert_mail_to", "must be set together with alert_smtp_url"});
  if (!has_server && !(values.alert_mail_from.empty() && values.alert_mail_to.empty()))
    faults.push_back({"alert_smtp_url", "must be set, or no mail is sent"});
  if (values.alert_smtp_user.empty() != values.alert_smtp_password.empty())
    faults.push_back({"alert_smtp_user", "and alert_smtp_password are set together or not at all"});
}

}  // namespace

std::vector<setting_fault> check_alert_settings(const settings& values) {
  std::vector<setting_fault> faults;
  for (const auto& each : web_receivers) {
    const auto& url = (values.*each.url).reveal();
    if (url.empty() && each.secret != nullptr && !(values.*each.secret).empty())
      faults.push_back({each.secret_name, "is of no use without " + std::string{each.url_name}});
    if (url.empty()) continue;
    if (!is_web_url(url))
      faults.push_back({each.url_name, "must be a URL, as in https://hooks.example.org/parley"});
    else if (url.starts_with("http://") && values.alert_tls == alert_security::required &&
             !is_of_this_machine(url))
      faults.push_back(
          {each.url_name, "must begin with https://, or set alert_tls = \"optional\""});
  }
  check_mail(values, faults);
  return faults;
}

bool is_of_this_machine(std::string_view url) {
  auto host = authority_of(url);
  host = host.substr(0, host.starts_with("[") ? host.find(']') + 1 : host.find(':'));
  auto address = listen_address::parse(std::string{host} + ":0");
  return host == "localhost" || (address && address->is_loopback());
}

}  // namespace parley
