#include "base/passphrase.hpp"

#include "base/crypto.hpp"
#include "base/json.hpp"
#include "base/text.hpp"

namespace parley {

namespace {

constexpr int64_t format_version = 1;
constexpr size_t salt_bytes = 16;

/// What stands beside the sealed text, and must be as it was.
std::string head_of(std::string_view kind, scrypt_cost cost, std::string_view salt) {
  std::string text;
  json_writer json{text};
  json.begin_object().member("format", kind).member("formatVersion", format_version);
  json.member("kdf", "scrypt").member("n", cost.n).member("r", cost.r).member("p", cost.p);
  json.member("salt", base64url(salt));
  return text;
}

error not_sealed(std::string_view kind) {
  return make_error(errc::invalid_input, "not_sealed",
                    "This is no " + std::string{kind} + " that a passphrase opens.");
}

}  // namespace

expected<std::string> seal_with_passphrase(std::string_view kind, const secret_text& text,
                                           const secret_text& passphrase) {
  if (passphrase.size() < passphrase_bytes_min)
    return make_error(
        errc::invalid_input, "passphrase_short",
        "A passphrase has at least " + std::to_string(passphrase_bytes_min) + " characters.");
  scrypt_cost cost;
  auto salt = random_bytes(salt_bytes);
  auto derived = scrypt(passphrase.reveal(), salt, cost);
  if (!derived) return make_error(errc::internal, "There is not enough memory for a key.");
  secret_text key{std::move(*derived)};
  auto nonce = random_bytes(gcm_key::nonce_bytes);
  auto head = head_of(kind, cost, salt);
  auto body = gcm_seal({key.reveal(), nonce, head}, text);
  if (!body) return make_error(errc::internal);
  return head + R"(,"nonce":")" + base64url(nonce) + R"(","sealed":")" + base64url(*body) + "\"}\n";
}

expected<secret_text> open_with_passphrase(std::string_view kind, std::string_view sealed,
                                           const secret_text& passphrase) {
  json_reader reader;
  auto document = reader.parse(sealed);
  if (!document || document->string_at("format") != kind ||
      document->integer_at("formatVersion") != format_version)
    return not_sealed(kind);
  auto bytes_at = [&](std::string_view name) {
    auto text = document->string_at(name);
    return text ? parse_base64url(*text) : std::nullopt;
  };
  auto number_at = [&](std::string_view name) {
    auto number = document->integer_at(name).value_or(0);
    return number > 0 ? static_cast<uint64_t>(number) : uint64_t{0};
  };
  scrypt_cost cost{number_at("n"), number_at("r"), number_at("p")};
  auto salt = bytes_at("salt");
  auto nonce = bytes_at("nonce");
  auto body = bytes_at("sealed");
  if (!salt || !nonce || !body) return not_sealed(kind);
  auto derived = scrypt(passphrase.reveal(), *salt, cost);
  if (!derived) return not_sealed(kind);
  secret_text key{std::move(*derived)};
  auto head = head_of(kind, cost, *salt);
  auto text = gcm_open({key.reveal(), *nonce, head}, *body);
  if (!text)
    return make_error(errc::invalid_input, "wrong_passphrase",
                      "The passphrase does not open it, or it was changed.");
  return std::move(*text);
}

}  // namespace parley
