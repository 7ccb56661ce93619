/// A text that must never be seen: API keys, passwords, tokens on their way to use.
///
/// It has no formatter, no stream operator and no to_string; CAF prints "secret()" and serializes
/// nothing, so it reaches neither a log nor another node. Its memory is wiped when it goes.
#pragma once

#include <openssl/crypto.h>

#include <caf/all.hpp>
#include <string>
#include <string_view>
#include <utility>

namespace parley {

class secret_text {
 public:
  secret_text() = default;
  explicit secret_text(std::string text) : text_(std::move(text)) { wipe(text); }
  secret_text(const secret_text&) = default;
  secret_text(secret_text&& other) noexcept : text_(std::move(other.text_)) { wipe(other.text_); }
  secret_text& operator=(const secret_text& other) {
    if (this != &other) *this = secret_text{other};
    return *this;
  }
  secret_text& operator=(secret_text&& other) noexcept {
    if (this == &other) return *this;
    wipe(text_);
    text_ = std::move(other.text_);
    wipe(other.text_);
    return *this;
  }
  ~secret_text() { wipe(text_); }

  /// Whoever calls this answers for where the text goes.
  const std::string& reveal() const { return text_; }
  bool empty() const { return text_.empty(); }
  size_t size() const { return text_.size(); }

  /// In constant time for equal lengths.
  friend bool operator==(const secret_text& a, const secret_text& b) {
    return a.size() == b.size() && CRYPTO_memcmp(a.text_.data(), b.text_.data(), a.size()) == 0;
  }

 private:
  // Also what a moved-from string still holds in its small buffer.
  static void wipe(std::string& text) {
    text.resize(text.capacity());
    OPENSSL_cleanse(text.data(), text.size());
    text.clear();
  }

  std::string text_;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& inspector, secret_text&) {
  return inspector(caf::meta::type_name("secret"));
}

}  // namespace parley
