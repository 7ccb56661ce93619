// API keys.
#include "http/edge.hpp"
#include "http/routes/routes.hpp"

namespace parley::http::routes {

namespace {

/// The record with the key itself, the only time that it is seen: a repeated request has none.
answer key_ticket_answer(const api_key_ticket& ticket) {
  auto result = created_answer(ticket.entry, "/api/keys/" + to_string(ticket.entry.id));
  if (ticket.key.empty()) return result;
  result.body.pop_back();
  result.body += ",\"key\":\"" + ticket.key.reveal() + "\"}";
  return result;
}

}  // namespace

expected<void> get_keys(edge& at, exchange& x, const parsed_request&) {
  at.ask_user<api_key_list>(x, list_api_keys{x.who},
                            [](const api_key_list& found) { return list_answer(found.items); });
  return {};
}

expected<void> post_key(edge& at, exchange& x, const parsed_request& request) {
  TRY(auto patch, read_body<api_key>(request, use::in_create));
  TRY(auto key, at.read_key(x, request));
  at.ask_user<api_key_ticket>(x, add_api_key{x.who, std::move(patch), std::move(key)},
                              key_ticket_answer);
  return {};
}

expected<void> get_key(edge& at, exchange& x, const parsed_request&) {
  TRY(auto id, path_id<api_key_id>(x, 0));
  at.ask_user<api_key>(x, get_api_key{x.who, id},
                       [](const api_key& found) { return record_answer(200, found); });
  return {};
}

expected<void> delete_key(edge& at, exchange& x, const parsed_request&) {
  TRY(auto id, path_id<api_key_id>(x, 0));
  at.ask_user<done>(x, drop_api_key{x.who, id}, [](const done&) { return empty_answer(); });
  return {};
}

}  // namespace parley::http::routes
