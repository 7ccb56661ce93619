#include "base/error.hpp"

namespace parley {

namespace {

constexpr std::string_view code_names[] = {
    "malformed",    "invalid_input",   "unauthenticated",  "forbidden",      "not_found",
    "conflict",     "too_large",       "rate_limited",     "quota_exceeded", "timeout",
    "unavailable",  "provider_failed", "provider_refused", "storage_failed", "storage_full",
    "corrupt_data", "internal"};

constexpr std::string_view sentences[] = {"The request is malformed.",
                                          "A value is not allowed.",
                                          "Please log in.",
                                          "You may not do this.",
                                          "Not found.",
                                          "The current state does not allow this.",
                                          "Too large.",
                                          "Too many requests.",
                                          "The quota is used up.",
                                          "No answer in time.",
                                          "Not available now, please try again.",
                                          "The model provider failed.",
                                          "The model provider refused the request.",
                                          "The database failed.",
                                          "The disk is full.",
                                          "Stored data is damaged.",
                                          "An internal error occurred."};

const caf::atom_value category = caf::atom("parley");

// An error of CAF that holds none has no category either: asking it reads nowhere.
bool is_ours(const error& e) {
  return e && e.category() == category && e.code() >= 1 && e.code() <= std::size(code_names);
}

}  // namespace

std::string to_string(errc code) {
  return std::string{code_names[static_cast<size_t>(code) - 1]};
}

error make_error(errc code) {
  return {static_cast<uint8_t>(code), category};
}

error make_error(errc code, std::string sentence) {
  return {static_cast<uint8_t>(code), category, caf::make_message(std::move(sentence))};
}

error make_error(errc code, std::string sentence, error_detail detail) {
  return {static_cast<uint8_t>(code), category,
          caf::make_message(std::move(sentence), std::move(detail))};
}

error make_error(errc code, std::string_view reason, std::string sentence) {
  error_detail detail;
  detail.reason = reason;
  return make_error(code, std::move(sentence), std::move(detail));
}

errc code_of(const error& e) {
  if (!e) return errc::internal;
  if (is_ours(e)) return static_cast<errc>(e.code());
  if (e == caf::sec::request_timeout) return errc::timeout;
  if (e == caf::sec::request_receiver_down || e.category() == caf::atom("exit"))
    return errc::unavailable;
  return errc::internal;
}

std::string sentence_of(const error& e) {
  if (is_ours(e) && !e.context().empty() && e.context().match_element<std::string>(0)) {
    if (auto& sentence = e.context().get_as<std::string>(0); !sentence.empty()) return sentence;
  }
  return std::string{sentences[static_cast<size_t>(code_of(e)) - 1]};
}

error_detail detail_of(const error& e) {
  if (is_ours(e) && e.context().size() > 1 && e.context().match_element<error_detail>(1))
    return e.context().get_as<error_detail>(1);
  return {};
}

std::string describe(const error& e) {
  if (!e) return "no error";
  auto result = to_string(code_of(e));
  if (auto detail = detail_of(e); !detail.reason.empty()) result += "/" + detail.reason;
  result += ": " + sentence_of(e);
  if (!is_ours(e)) result += " (" + caf::to_string(e) + ")";
  return result;
}

void register_error_category(caf::actor_system_config& config) {
  config.add_message_type<error_detail>("parley::error_detail");
  config.add_error_category(category,
                            [](uint8_t code, caf::atom_value, const caf::message& context) {
                              return "parley::" + to_string(static_cast<errc>(code)) +
                                     (context.empty() ? "" : caf::to_string(context));
                            });
}

}  // namespace parley
