#include "http/model_advice.hpp"

#include <catch2/catch.hpp>

using namespace parley;
using namespace parley::http;

namespace {

std::string advice(const std::string& reason, const std::string& url, bool is_contained = false) {
  model_config model;
  model.base_url = url;
  return advice_on(make_error(errc::provider_failed, reason, "It failed."), model, is_contained);
}

bool has(const std::string& text, std::string_view word) {
  return text.find(word) != std::string::npos;
}

}  // namespace

TEST_CASE("who points a container at localhost is told where the machine is") {
  for (const auto* url : {"http://localhost:11434", "http://127.0.0.1:11434/v1",
                          "http://[::1]:8080/", "http://localhost"}) {
    INFO(url);
    CHECK(has(advice("upstream_unreachable", url, true), "host.docker.internal"));
    CHECK(has(advice("upstream_unreachable", url), "Nothing listens there"));
  }
  CHECK(has(advice("upstream_unreachable", "https://api.example.com/v1", true), "host name"));
  CHECK(has(advice("upstream_unreachable", "https://localhost.example.com"), "host name"));
}

TEST_CASE("each plain reason has its advice, others have none") {
  CHECK(has(advice("upstream_auth", "https://a.example"), "API key"));
  CHECK(has(advice("upstream_not_found", "https://a.example"), "model's id"));
  CHECK(has(advice("upstream_tls", "https://a.example"), "caCertificates"));
  CHECK(advice("upstream_content_filter", "https://a.example").empty());
}
