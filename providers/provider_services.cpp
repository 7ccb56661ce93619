// What PROVIDER is made of, after the settings, and what may be stored for it.
#include "providers/provider_actor.hpp"

namespace parley::providers {

namespace {

proxy_rule proxy_rule_of(const settings& values) {
  if (values.upstream_proxy.empty()) return {};
  return {std::make_shared<const upstream_proxy>(
              upstream_proxy{values.upstream_proxy, values.upstream_proxy_login}),
          values.upstream_proxy_except, values.upstream_proxy_for == proxy_reach::everyone};
}

/// "api.example.org" is below "example.org" and itself.
bool is_below(std::string_view host, std::string_view parent) {
  if (host.size() < parent.size()) return false;
  auto lead = host.size() - parent.size();
  return host.substr(lead) == parent && (lead == 0 || host[lead - 1] == '.');
}

}  // namespace

std::shared_ptr<const upstream_proxy> proxy_rule::of(const upstream_url& url,
                                                     model_owner owner) const {
  if (!proxy || (owner == model_owner::user && !is_for_everyone)) return nullptr;
  std::string_view host{url.host()};
  if (is_below(host, "localhost")) return nullptr;
  for (auto& parent : except)
    if (is_below(host, parent)) return nullptr;
  if (host.front() == '[') host = host.substr(1, host.size() - 2);
  auto literal = url.is_literal() ? ip_address::parse(host) : std::nullopt;
  return literal && kind_of(*literal) != address_kind::global ? nullptr : proxy;
}

expected<provider_services> make_provider_services(const settings& values,
                                                   std::shared_ptr<const sealer> keys) {
  address_policy for_admins;
  for_admins.owner = model_owner::admin;
  address_policy for_users;
  for_users.ports = values.upstream_ports;
  for (auto& text : values.upstream_allow) {
    auto network = allowed_network::parse(text);
    if (!network) return make_error(errc::invalid_input, "upstream_allow: \"" + text + "\"");
    for_users.networks.push_back(*network);
  }
  auto milliseconds_of = [](std::chrono::seconds span) {
    return static_cast<uint32_t>(std::chrono::milliseconds{span}.count());
  };
  provider_services services;
  TRY(auto known, catalogue::load(values.providers_dir));
  services.presets = std::make_shared<const catalogue>(std::move(known));
  services.keys = std::move(keys);
  services.admin_policy = std::make_shared<const address_policy>(std::move(for_admins));
  services.user_policy = std::make_shared<const address_policy>(std::move(for_users));
  services.limits.connect_ms = milliseconds_of(values.upstream_connect_s);
  services.limits.first_byte_ms = milliseconds_of(values.upstream_first_byte_s);
  services.limits.idle_ms = milliseconds_of(values.upstream_idle_s);
  services.limits.calls_max = values.share_of_thread(values.upstream_calls_max);
  services.reply.line_bytes_max = values.upstream_line_bytes_max;
  services.reply.reply_bytes_max = values.reply_bytes_max;
  services.tick_length = values.checkpoint_ms;
  services.retries_max = static_cast<unsigned>(values.upstream_retries_max);
  services.proxy = proxy_rule_of(values);
  return services;
}

expected<std::string> check_model(const provider_services& services, const model_config& model) {
  auto& policy = model.may_reach_private() ? services.admin_policy : services.user_policy;
  auto url = upstream_url::parse(model.base_url, *policy);
  auto is_known = services.presets->dialect_of(model.provider) != nullptr;
  if (url && is_known) return url->origin();
  error_detail detail;
  detail.reason = url ? "provider_unknown" : detail_of(url.error()).reason;
  std::string sentence = "There is no such provider.";
  if (!is_known) detail.fields.push_back({"/provider", "known", "", sentence});
  if (!url) {
    sentence = sentence_of(url.error());
    detail.fields.push_back({"/baseUrl", "allowed", "", sentence});
  }
  return make_error(errc::invalid_input, std::move(sentence), std::move(detail));
}

void introduce(const std::vector<provider_actor>& all) {
  for (const auto& one : all) {
    meet_providers others;
    for (const auto& other : all)
      if (other != one) others.others.push_back(caf::actor_cast<channel_listener_actor>(other));
    caf::anon_send(one, std::move(others));
  }
}

}  // namespace parley::providers
