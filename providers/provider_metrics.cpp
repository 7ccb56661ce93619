#include "providers/provider_metrics.hpp"

#include "base/metrics.hpp"

namespace parley::providers {

void note_first_token(const std::string& provider, std::chrono::nanoseconds latency) {
  metrics()
      .histogram("parley_provider_first_token_seconds",
                 "Time from a call to its first token, by provider.", metric_histogram::seconds,
                 {{"provider", provider}})
      .observe(latency);
}

void note_failure(const std::string& provider, const error& cause) {
  auto reason = detail_of(cause).reason;
  metrics()
      .counter("parley_provider_failures_total", "Attempts at a provider that failed, by reason.",
               {{"provider", provider},
                {"reason", reason.empty() ? std::string{to_string(code_of(cause))} : reason}})
      .add();
}

}  // namespace parley::providers
