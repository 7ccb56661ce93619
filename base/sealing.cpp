#include "base/sealing.hpp"

#include "base/text.hpp"

namespace parley {

namespace {

constexpr std::string_view version = "v1";
constexpr std::string_view purpose = "parley/apikey/v1";

error unreadable() {
  return make_error(errc::corrupt_data, "key_unreadable",
                    "The stored API key cannot be read; please enter it again.");
}

// Each part with its length before it: ("ab", "c") and ("a", "bc") differ.
std::string join_parts(const std::vector<std::string>& parts, std::string_view key_name) {
  std::string joined;
  auto add = [&](std::string_view part) {
    for (int shift = 56; shift >= 0; shift -= 8)
      joined += static_cast<char>(static_cast<uint64_t>(part.size()) >> shift & 255);
    joined += part;
  };
  add(version);
  for (auto& part : parts) add(part);
  add(key_name);
  return joined;
}

struct sealed_parts {
  std::string_view key_name;
  std::string nonce;
  std::string body;  ///< ciphertext and tag
};

std::optional<sealed_parts> split_sealed(std::string_view sealed) {
  std::array<std::string_view, 4> fields;
  for (size_t i = 0; i < fields.size(); ++i) {
    auto end = sealed.find('.');
    if ((end == std::string_view::npos) != (i == 3)) return std::nullopt;
    fields[i] = sealed.substr(0, end);
    sealed.remove_prefix(std::min(fields[i].size() + 1, sealed.size()));
  }
  auto nonce = parse_base64url(fields[2]);
  auto body = parse_base64url(fields[3]);
  if (fields[0] != version || !nonce || !body) return std::nullopt;
  if (nonce->size() != gcm_key::nonce_bytes || body->size() < gcm_key::tag_bytes ||
      body->size() > sealer::text_bytes_max + gcm_key::tag_bytes)
    return std::nullopt;
  return sealed_parts{fields[1], std::move(*nonce), std::move(*body)};
}

}  // namespace

sealer::sealer(const key_ring& ring) : active_(ring.active) {
  for (auto& [name, key] : ring.keys) {
    auto derived = hkdf_sha256(key.reveal(), "", std::string{purpose} + name, key_ring::key_bytes);
    keys_.emplace(name, secret_text{std::move(derived)});
  }
}

expected<std::string> sealer::seal(const secret_text& text,
                                   const std::vector<std::string>& bound_to) const {
  if (text.size() > text_bytes_max) return make_error(errc::too_large, "The API key is too long.");
  auto& key = keys_.find(active_)->second;
  auto nonce = random_bytes(gcm_key::nonce_bytes);
  auto aad = join_parts(bound_to, active_);
  auto body = gcm_seal({key.reveal(), nonce, aad}, text);
  if (!body) return make_error(errc::internal, "The API key could not be sealed.");
  return std::string{version} + '.' + active_ + '.' + base64url(nonce) + '.' + base64url(*body);
}

expected<secret_text> sealer::open(std::string_view sealed,
                                   const std::vector<std::string>& bound_to) const {
  auto parts = split_sealed(sealed);
  if (!parts) return unreadable();
  auto key = keys_.find(parts->key_name);
  if (key == keys_.end()) return unreadable();
  auto aad = join_parts(bound_to, parts->key_name);
  auto text = gcm_open({key->second.reveal(), parts->nonce, aad}, parts->body);
  if (!text) return unreadable();
  return std::move(*text);
}

bool sealer::is_current(std::string_view sealed) const {
  auto parts = split_sealed(sealed);
  return parts && parts->key_name == active_;
}

std::string sealer::key_of(std::string_view sealed) {
  auto parts = split_sealed(sealed);
  return parts ? std::string{parts->key_name} : std::string{};
}

}  // namespace parley
