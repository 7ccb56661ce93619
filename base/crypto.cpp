#include "base/crypto.hpp"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>

#include <cstdint>
#include <cstdlib>

namespace parley {

namespace {

void require(bool is_done) {
  if (!is_done) std::abort();
}

const uint8_t* bytes_of(std::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

uint8_t* bytes_of(std::string& text) {
  return reinterpret_cast<uint8_t*>(text.data());
}

std::string hmac(const EVP_MD* hash, std::string_view key, std::string_view bytes) {
  // OpenSSL takes a null key for "the one of before": an empty key must not look like that.
  if (key.data() == nullptr) key = "";
  std::string result(static_cast<size_t>(EVP_MD_get_size(hash)), '\0');
  require(HMAC(hash, key.data(), static_cast<int>(key.size()), bytes_of(bytes), bytes.size(),
               bytes_of(result), nullptr) != nullptr);
  return result;
}

}  // namespace

std::string random_bytes(size_t count) {
  std::string bytes(count, '\0');
  require(RAND_bytes(bytes_of(bytes), static_cast<int>(count)) == 1);
  return bytes;
}

std::string random_base62(size_t count) {
  constexpr std::string_view digits =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  std::string text;
  text.reserve(count);
  while (text.size() < count) {
    for (auto c : random_bytes(count - text.size() + 8)) {
      // 248 = 4 * 62: larger bytes would favour the first digits.
      auto value = static_cast<uint8_t>(c);
      if (value < 248 && text.size() < count) text += digits[value % digits.size()];
    }
  }
  return text;
}

std::string sha256(std::string_view bytes) {
  std::string result(32, '\0');
  require(EVP_Digest(bytes.data(), bytes.size(), bytes_of(result), nullptr, EVP_sha256(),
                     nullptr) == 1);
  return result;
}

struct sha256_stream::state {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
};

sha256_stream::sha256_stream() : state_(std::make_unique<state>()) {
  require(state_->context != nullptr &&
          EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr) == 1);
}

sha256_stream::~sha256_stream() {
  EVP_MD_CTX_free(state_->context);
}

void sha256_stream::add(std::string_view bytes) {
  require(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1);
}

std::string sha256_stream::finish() {
  std::string result(32, '\0');
  require(EVP_DigestFinal_ex(state_->context, bytes_of(result), nullptr) == 1);
  return result;
}

std::string hmac_sha256(std::string_view key, std::string_view bytes) {
  return hmac(EVP_sha256(), key, bytes);
}

std::string hmac_sha384(std::string_view key, std::string_view bytes) {
  return hmac(EVP_sha384(), key, bytes);
}

std::string hkdf_sha256(std::string_view key, std::string_view salt, std::string_view purpose,
                        size_t size) {
  // Written over HMAC: it is nine lines, and OpenSSL's HKDF refuses empty keys.
  auto extracted =
      hmac_sha256(salt, key);  // NOLINT(readability-suspicious-call-argument): RFC 5869
  std::string result;
  std::string block;
  for (uint8_t counter = 1; result.size() < size; ++counter) {
    require(counter != 0);
    block += purpose;
    block += static_cast<char>(counter);
    block = hmac_sha256(extracted, block);
    result += block;
  }
  OPENSSL_cleanse(extracted.data(), extracted.size());
  result.resize(size);
  return result;
}

std::optional<std::string> scrypt(std::string_view passphrase, std::string_view salt,
                                  scrypt_cost cost) {
  constexpr uint64_t memory_max = uint64_t{1} << 30;
  auto is_fit = cost.n > 1 && (cost.n & (cost.n - 1)) == 0 && cost.r > 0 && cost.r <= 32 &&
                cost.p > 0 && cost.p <= 16 && cost.n <= memory_max / 128 / cost.r;
  std::string key(32, '\0');
  // It counts some of its own beside the table.
  if (!is_fit || EVP_PBE_scrypt(passphrase.data(), passphrase.size(), bytes_of(salt), salt.size(),
                                cost.n, cost.r, cost.p, memory_max + (memory_max >> 4),
                                bytes_of(key), key.size()) != 1) {
    ERR_clear_error();
    return std::nullopt;
  }
  return key;
}

namespace {

struct context_deleter {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using cipher_context = std::unique_ptr<EVP_CIPHER_CTX, context_deleter>;

int size_of(std::string_view text) {
  return static_cast<int>(text.size());
}

}  // namespace

std::optional<std::string> gcm_seal(const gcm_key& with, const secret_text& text) {
  if (with.key.size() != key_ring::key_bytes || with.nonce.size() != gcm_key::nonce_bytes)
    return std::nullopt;
  std::string body(text.size() + gcm_key::tag_bytes, '\0');
  int size = 0;
  cipher_context context{EVP_CIPHER_CTX_new()};
  auto is_done = context &&
                 EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, bytes_of(with.key),
                                    bytes_of(with.nonce)) == 1 &&
                 EVP_EncryptUpdate(context.get(), nullptr, &size, bytes_of(with.bound_to),
                                   size_of(with.bound_to)) == 1 &&
                 EVP_EncryptUpdate(context.get(), bytes_of(body), &size, bytes_of(text.reveal()),
                                   size_of(text.reveal())) == 1 &&
                 EVP_EncryptFinal_ex(context.get(), bytes_of(body) + size, &size) == 1 &&
                 EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, gcm_key::tag_bytes,
                                     bytes_of(body) + text.size()) == 1;
  if (!is_done) return std::nullopt;
  return body;
}

std::optional<secret_text> gcm_open(const gcm_key& with, std::string_view sealed) {
  if (with.key.size() != key_ring::key_bytes || with.nonce.size() != gcm_key::nonce_bytes ||
      sealed.size() < gcm_key::tag_bytes)
    return std::nullopt;
  auto text_size = sealed.size() - gcm_key::tag_bytes;
  std::string tag{sealed.substr(text_size)};
  std::string text(text_size, '\0');
  int size = 0;
  cipher_context context{EVP_CIPHER_CTX_new()};
  auto is_done = context &&
                 EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, bytes_of(with.key),
                                    bytes_of(with.nonce)) == 1 &&
                 EVP_DecryptUpdate(context.get(), nullptr, &size, bytes_of(with.bound_to),
                                   size_of(with.bound_to)) == 1 &&
                 EVP_DecryptUpdate(context.get(), bytes_of(text), &size, bytes_of(sealed),
                                   static_cast<int>(text_size)) == 1 &&
                 EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, gcm_key::tag_bytes,
                                     bytes_of(tag)) == 1 &&
                 EVP_DecryptFinal_ex(context.get(), bytes_of(text) + size, &size) == 1;
  // Also wipes what was decrypted before the tag turned out to be wrong.
  secret_text result{std::move(text)};
  if (!is_done) return std::nullopt;
  return result;
}

bool is_obvious_key(std::string_view key) {
  bool is_rising = true;
  for (size_t i = 1; i < key.size(); ++i)
    is_rising = is_rising && static_cast<uint8_t>(key[i]) == static_cast<uint8_t>(key[i - 1] + 1);
  if (is_rising) return true;
  for (size_t period = 1; period * 2 <= key.size(); ++period) {
    if (key.substr(period) == key.substr(0, key.size() - period)) return true;
  }
  return false;
}

bool is_certificate_list(std::string_view pem) {
  auto* bytes = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  require(bytes != nullptr);
  ERR_clear_error();
  size_t found = 0;
  while (auto* certificate = PEM_read_bio_X509(bytes, nullptr, nullptr, nullptr)) {
    X509_free(certificate);
    ++found;
  }
  // The end of the list is an error as well: that no further one begins.
  auto is_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  BIO_free(bytes);
  return found > 0 && is_end;
}

key_ring key_ring::make() {
  key_ring ring;
  ring.active = random_base62(8);
  ring.keys.emplace(ring.active, secret_text{random_bytes(key_bytes)});
  return ring;
}

bool key_ring::is_name(std::string_view name) {
  if (name.empty() || name.size() > name_bytes_max) return false;
  for (auto c : name) {
    auto is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!is_letter && !(c >= '0' && c <= '9') && c != '-') return false;
  }
  return true;
}

bool key_ring::is_valid() const {
  if (keys.size() > keys_max || find(active) == nullptr) return false;
  for (auto& [name, key] : keys) {
    if (!is_name(name) || key.size() != key_bytes || is_obvious_key(key.reveal())) return false;
  }
  return true;
}

const secret_text* key_ring::find(std::string_view name) const {
  auto found = keys.find(name);
  return found == keys.end() ? nullptr : &found->second;
}

}  // namespace parley
