// Where calls for users' models go: a million made-up spellings of addresses that must never be
// called, and names whose answers change, through libcurl up to connect(2). Nothing leaves the
// machine. Usage: address_bench [spellings] [names]
#include "tests/support/fake_network.hpp"

#include <cstdio>
#include <thread>

#include "providers/upstream.hpp"
#include "tests/support/url_speller.hpp"

using namespace parley;
using namespace parley::providers;
using parley::test::fake_network;
using bench_clock = std::chrono::steady_clock;

namespace {

constexpr size_t calls_at_a_time = 200;

/// Starts calls on the loop's thread, so many at a time, until there are no more.
class caller : public upstream_listener {
 public:
  using source = std::function<std::optional<upstream_url>()>;

  caller(io_loop& loop, source next) : loop_(loop), next_(std::move(next)) {}

  void run() {
    loop_.post([this] {
      upstream_limits limits;
      limits.lookups_per_host_max = limits.lookups_max;
      calls_ = std::make_unique<upstream>(loop_, limits);
      for (size_t i = 0; i < calls_at_a_time; ++i) start_one();
      stop_if_done();
    });
    loop_.run();
  }

  size_t started() const { return started_; }
  size_t refused() const { return refused_; }
  size_t answered() const { return answered_; }

  void on_head(upstream_call_id, const response_head&) override { ++answered_; }
  void on_bytes(upstream_call_id, std::string_view) override {}
  void on_end(upstream_call_id, const upstream_end& end) override {
    --running_;
    if (detail_of(end.fault).reason == "upstream_not_allowed") ++refused_;
    start_one();
    stop_if_done();
  }

 private:
  void start_one() {
    if (is_dry_) return;
    auto url = next_();
    if (!url) {
      is_dry_ = true;
      return;
    }
    upstream_request request{std::move(*url), "/v1/chat", {}, {}, body_, policy_};
    if (!calls_->start(std::move(request), *this)) std::abort();
    ++started_;
    ++running_;
  }

  void stop_if_done() {
    if (!is_dry_ || running_ > 0) return;
    loop_.post([this] {  // not from within a callback of what is destroyed
      calls_.reset();
      loop_.stop();
    });
  }

  io_loop& loop_;
  source next_;
  std::unique_ptr<upstream> calls_;
  std::shared_ptr<const std::string> body_ = std::make_shared<const std::string>("{}");
  std::shared_ptr<const address_policy> policy_ = std::make_shared<const address_policy>();
  size_t started_ = 0;
  size_t running_ = 0;
  size_t refused_ = 0;
  size_t answered_ = 0;
  bool is_dry_ = false;
};

int faults = 0;

void report(const char* what, size_t measured, size_t target) {
  auto is_ok = measured == target;
  faults += is_ok ? 0 : 1;
  std::printf("  %-58s %9zu   target %zu   %s\n", what, measured, target, is_ok ? "ok" : "MISSED");
}

double seconds_since(bench_clock::time_point began) {
  return std::chrono::duration<double>(bench_clock::now() - began).count();
}

void try_spellings(caf::actor_system& system, size_t count) {
  io_loop loop{system};
  fake_network network{[](const std::string&) { return std::vector<std::string>{}; }};
  parley::test::url_speller spell{1};
  address_policy by_user;
  size_t made = 0;
  auto began = bench_clock::now();
  caller calls{loop, [&]() -> std::optional<upstream_url> {
                 while (made < count) {
                   ++made;
                   auto address = spell.forbidden_address();
                   auto url = upstream_url::parse(spell.url_of(spell.host_of(address)), by_user);
                   if (url) return *url;
                 }
                 return std::nullopt;
               }};
  calls.run();
  std::printf(
      "%zu spellings in %.0f s: %zu refused as URLs, %zu called, %zu of them refused at the "
      "address\n",
      made, seconds_since(began), made - calls.started(), calls.started(), calls.refused());
  report("connections to a forbidden address",
         network.loopback_connects() + network.outward_connects(), 0);
  report("answers from one", calls.answered(), 0);
}

void try_names(caf::actor_system& system, size_t count) {
  io_loop loop{system};
  static const std::vector<std::string> inward{
      "127.0.0.1", "10.0.0.1", "192.168.1.1",   "169.254.169.254",
      "::1",       "fd00::1",  "::ffff:7f00:1", "64:ff9b::a9fe:a9fe"};
  std::atomic<size_t> asked{0};
  fake_network network{[&](const std::string&) -> std::vector<std::string> {
    auto& bad = inward[++asked % inward.size()];
    return asked % 2 ? std::vector<std::string>{"8.8.8.8", bad} : std::vector<std::string>{bad};
  }};
  address_policy by_user;
  size_t made = 0;
  auto began = bench_clock::now();
  caller calls{loop, [&]() -> std::optional<upstream_url> {
                 if (made == count) return std::nullopt;
                 return *upstream_url::parse("https://n" + std::to_string(made++) + ".test",
                                             by_user);
               }};
  calls.run();
  std::printf(
      "%zu names in %.0f s, half of them public first: %zu connections outwards, all "
      "refused by the bench\n",
      made, seconds_since(began), network.outward_connects());
  report("connections to a private address", network.loopback_connects(), 0);
  report("calls refused for their address", calls.refused(), count);
}

size_t argument(int count, char** arguments, int at, size_t otherwise) {
  return count > at ? std::strtoul(arguments[at], nullptr, 10) : otherwise;
}

}  // namespace

int main(int argument_count, char** arguments) {
  caf::actor_system_config config;
  caf::actor_system system{config};
  try_spellings(system, argument(argument_count, arguments, 1, 1'000'000));
  try_names(system, argument(argument_count, arguments, 2, 10'000));
  return faults == 0 ? 0 : 1;
}
