#include "providers/alert_sender.hpp"

#include "actors/floating.hpp"
#include "base/alert_settings.hpp"
#include "base/crypto.hpp"
#include "providers/alert_payloads.hpp"
#include "providers/transfer.hpp"

namespace parley::providers {

namespace {

constexpr size_t answer_bytes_max = 64 << 10;

struct list_deleter {
  void operator()(curl_slist* list) const { ::curl_slist_free_all(list); }
};
using text_list = std::unique_ptr<curl_slist, list_deleter>;
struct easy_deleter {
  void operator()(CURL* easy) const { ::curl_easy_cleanup(easy); }
};

/// False without memory.
bool append(text_list& list, const std::string& text) {
  auto* longer = ::curl_slist_append(list.get(), text.c_str());
  if (longer == nullptr) return false;
  (void)list.release();
  list.reset(longer);
  return true;
}

error undelivered(std::string sentence) {
  return make_error(errc::provider_failed, "alert_undelivered", std::move(sentence));
}

/// One blocking call of libcurl.
class delivery {
 public:
  explicit delivery(const alert_sender_parts& parts) : parts_(parts), easy_(::curl_easy_init()) {
    is_ok_ = easy_ != nullptr;
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(parts.patience.count()));
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(parts.patience.count()));
    set(CURLOPT_FOLLOWLOCATION, 0L);
    set(CURLOPT_NETRC, long{CURL_NETRC_IGNORED});
    set(CURLOPT_NOPROGRESS, 0L);
    set(CURLOPT_XFERINFOFUNCTION, &delivery::on_progress);
    set(CURLOPT_XFERINFODATA, this);
    set(CURLOPT_WRITEFUNCTION, &delivery::on_write);
    set(CURLOPT_WRITEDATA, this);
  }

  expected<void> post(const alert_post& what) {
    const auto& proxy = parts_.address.proxy;
    set(CURLOPT_URL, what.url.reveal().c_str());
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_PROXY, proxy ? proxy->url.c_str() : "");
    set(CURLOPT_NOPROXY, "");  // else the environment's
    if (proxy && !proxy->login.empty()) set(CURLOPT_PROXYUSERPWD, proxy->login.reveal().c_str());
    add_line("Content-Type: application/json; charset=utf-8");
    add_line("User-Agent: Parley/" PARLEY_VERSION);
    add_line("Expect:");
    for (const auto& header : what.headers) add_line(header);
    set(CURLOPT_HTTPHEADER, lines_.get());
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(what.body.size()));
    set(CURLOPT_POSTFIELDS, what.body.data());
    TRY(auto status, perform());
    if (status < 200 || status > 299)
      return undelivered("It answered with status " + std::to_string(status) + ".");
    auto refusal = refusal_in(parts_.address.receiver, answer_);
    if (!refusal.empty()) return undelivered(std::move(refusal));
    return {};
  }

  expected<void> mail(std::string message) {
    const auto& to = parts_.address;
    unsent_ = std::move(message);
    set(CURLOPT_URL, to.url.reveal().c_str());
    set(CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    set(CURLOPT_PROXY, "");
    // On this machine nobody listens in, and its certificate is mostly one that nobody signed.
    auto is_near = is_of_this_machine(to.url.reveal());
    set(CURLOPT_USE_SSL, long{is_near        ? CURLUSESSL_NONE
                              : to.needs_tls ? CURLUSESSL_ALL
                                             : CURLUSESSL_TRY});
    if (!to.user.empty()) set(CURLOPT_USERNAME, to.user.c_str());
    if (!to.user.empty()) set(CURLOPT_PASSWORD, to.key.reveal().c_str());
    set(CURLOPT_MAIL_FROM, to.from.c_str());
    for (const auto& each : to.to) add_line(each);
    set(CURLOPT_MAIL_RCPT, lines_.get());
    set(CURLOPT_UPLOAD, 1L);
    set(CURLOPT_READFUNCTION, &delivery::on_read);
    set(CURLOPT_READDATA, this);
    TRY(auto status, perform());
    if (status / 100 != 2)
      return undelivered("The mail server answered " + std::to_string(status) + ".");
    return {};
  }

 private:
  template <class Value>
  void set(CURLoption option, Value value) {
    is_ok_ = is_ok_ && ::curl_easy_setopt(easy_.get(), option, value) == CURLE_OK;
  }
  void add_line(const std::string& text) { is_ok_ = is_ok_ && append(lines_, text); }

  /// The status of the answer. What libcurl has to say of a fault may name the URL: only its name
  /// is told.
  expected<long> perform() {
    if (!is_ok_) return make_error(errc::unavailable);
    auto code = ::curl_easy_perform(easy_.get());
    long status = 0;
    ::curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
    if (code == CURLE_OK) return status;
    auto sentence = std::string{::curl_easy_strerror(code)};
    if (status > 0) sentence += ", after status " + std::to_string(status);
    return undelivered(sentence + ".");
  }

  static int on_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    return *static_cast<delivery*>(user)->parts_.is_stopping ? 1 : 0;
  }

  static size_t on_write(char* data, size_t, size_t size, void* user) {
    auto& own = *static_cast<delivery*>(user);
    if (own.answer_.size() + size > answer_bytes_max) return 0;
    own.answer_.append(data, size);
    return size;
  }

  static size_t on_read(char* target, size_t, size_t room, void* user) {
    auto& own = *static_cast<delivery*>(user);
    auto size = own.unsent_.copy(target, room, own.sent_);
    own.sent_ += size;
    return size;
  }

  const alert_sender_parts& parts_;
  std::unique_ptr<CURL, easy_deleter> easy_;
  text_list lines_;
  std::string answer_;
  std::string unsent_;
  size_t sent_ = 0;
  bool is_ok_ = true;
};

struct alert_sender_state {
  static inline const char* name = "alert_sender";
  explicit alert_sender_state(alert_sender_actor::pointer) {}

  caf::result<done> on(const deliver_alerts& wanted) const {
    const auto& to = parts.address;
    alert_letter letter{wanted.items, parts.host, parts.clock->now()};
    delivery call{parts};
    if (to.receiver == alert_receiver::mail) {
      auto domain = to.from.substr(to.from.find('@') + 1);
      TRY_DONE(call.mail(
          alert_mail(letter, {to.from, to.to, "alert." + random_base62(20) + "@" + domain})));
    } else {
      TRY_DONE(call.post(alert_post_of(to.receiver, to.url, to.key, letter)));
    }
    return done{};
  }

  alert_sender_parts parts;
};

alert_sender_actor::behavior_type run_alert_sender(
    alert_sender_actor::stateful_pointer<alert_sender_state> self,
    const alert_sender_parts& parts) {
  harden(self);
  self->state.parts = parts;
  return handle_table<alert_sender_actor>(self);
}

}  // namespace

expected<std::vector<alert_address>> alert_addresses_of(const settings& values,
                                                        const proxy_rule& proxy) {
  struct web_row {
    alert_receiver receiver;
    const char* setting;
    const secret_text& url;
    const secret_text& key;
  };
  const secret_text none;
  std::vector<alert_address> all;
  address_policy policy;
  policy.owner = model_owner::admin;
  for (const auto& row :
       {web_row{alert_receiver::webhook, "alert_webhook_url", values.alert_webhook_url,
                values.alert_webhook_secret},
        web_row{alert_receiver::feishu, "alert_feishu_url", values.alert_feishu_url,
                values.alert_feishu_secret},
        web_row{alert_receiver::dingtalk, "alert_dingtalk_url", values.alert_dingtalk_url,
                values.alert_dingtalk_secret},
        web_row{alert_receiver::wecom, "alert_wecom_url", values.alert_wecom_url, none}}) {
    if (row.url.empty()) continue;
    auto url = upstream_url::parse(row.url.reveal(), policy);
    if (!url)
      return make_error(errc::invalid_input, std::string{row.setting} + ": this URL is no good.");
    all.push_back({row.receiver, row.url, row.key});
    all.back().proxy = proxy.of(*url, model_owner::admin);
  }
  if (values.alert_smtp_url.empty()) return all;
  auto& mail = all.emplace_back();
  mail.receiver = alert_receiver::mail;
  mail.url = secret_text{values.alert_smtp_url};
  mail.key = values.alert_smtp_password;
  mail.user = values.alert_smtp_user;
  mail.from = values.alert_mail_from;
  mail.to = values.alert_mail_to;
  mail.needs_tls = values.alert_tls == alert_security::required;
  return all;
}

alert_sender_actor spawn_alert_sender(caf::actor_system& system, alert_sender_parts parts,
                                      sender_thread thread) {
  (void)start_libcurl();
  if (thread == sender_thread::own)
    return system.spawn<caf::detached>(run_alert_sender, std::move(parts));
  return spawn_floating(system, run_alert_sender, std::move(parts));
}

}  // namespace parley::providers
