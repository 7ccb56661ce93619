// No input without our key is ever a token; and our own signature over any payload either reads
// back as exactly that payload or is refused.
#include <cstdlib>

#include "base/refresh_token.hpp"
#include "base/signed_token.hpp"
#include "base/text.hpp"

using namespace parley;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::string key = "0123456789abcdef0123456789ABCDEF";
  static const token_signer signer = [] {
    key_ring ring;
    ring.active = "k1";
    ring.keys.emplace("k1", secret_text{key});
    return token_signer{ring};
  }();
  static const auto header = base64url(R"({"alg":"HS256","typ":"JWT","kid":"k1"})");
  constexpr instant now{1'784'937'600'000};

  std::string_view input{reinterpret_cast<const char*>(data), size};
  if (signer.verify(input, now)) std::abort();
  static_cast<void>(refresh_token::parse(input));

  auto text = header + '.' + base64url(input);
  auto token = text + '.' + base64url(hmac_sha256(key, text));
  if (auto claims = signer.verify(token, now)) {
    if (signer.sign(*claims) != token) std::abort();
  }
  return 0;
}
