#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <iostream>
#include <thread>

#include "app/blocking_ask.hpp"
#include "app/commands.hpp"
#include "app/idle_memory.hpp"
#include "app/log_parts.hpp"
#include "app/node.hpp"
#include "app/setup.hpp"
#include "app/systemd_link.hpp"
#include "base/log.hpp"

namespace parley::app {

namespace {

using namespace std::chrono_literals;

sigset_t ending_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (auto signal : {SIGTERM, SIGINT}) ::sigaddset(&set, signal);
  return set;
}

// Its memory holds every key in use: no core, and no debugger of another process of this user.
void keep_memory_private() {
  ::prctl(PR_SET_DUMPABLE, 0);
}

// Streams need two descriptors each.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

std::string url_of(const settings& values, uint16_t port) {
  auto address = listen_address::parse(values.listen);
  auto host = address ? address->host : std::string{"127.0.0.1"};
  if (host == "0.0.0.0" || host == "::") host = "127.0.0.1";
  if (host.find(':') != std::string::npos) host = "[" + host + "]";
  return "http://" + host + ":" + std::to_string(port);
}

void print_next_steps(node& running, const settings& values, const serve_options& options) {
  auto url = url_of(values, running.port());
  std::cout << "Parley " << PARLEY_VERSION << " listens on " << url << ", data in "
            << values.data_dir << "\n";
  if (running.has_lost_secrets())
    std::cout << "\nWARNING: secrets.json was missing and has been made anew beside an existing "
                 "database.\nNo password fits any more, all logins have ended and the API keys of "
                 "models must be typed again.\nIf you have a copy of the old file, stop the server "
                 "and put it back; otherwise\nset passwords with: parley user passwd\n";
  else if (running.has_foreign_keys())
    std::cout << "\nWARNING: secrets.json is not the file that API keys of models were sealed with."
                 "\nThose models do not work, and passwords that were set with the other file do "
                 "not fit.\nStop the server and put the right copy back, or type the keys "
                 "again.\n";
  auto known = ask_and_wait<login_methods>(running.system(), running.admin(), get_methods{});
  if (known && !known->needs_password)
    std::cout << "\nSingle-user mode: no login is needed on this machine. An access token:\n\n"
              << "  curl -s -X POST " << url << "/api/auth/login\n\n";
  if (known && known->needs_setup) {
    std::string code;
    if (!running.setup_code().empty())
      code = R"(,"setupCode":")" + running.setup_code().reveal() + "\"";
    std::cout << "\nThere is no account yet. The first one becomes ADMIN:\n\n"
              << "  curl -s " << url
              << "/api/auth/register -H 'Content-Type: application/json' \\\n"
              << R"(    -d '{"username":"me","password":"a long password")" << code << "}'\n\n"
              << "Then add a model and chat; README.md, \"A first conversation\", shows how.\n";
  }
  if (options.is_demo)
    std::cout << "\nThe model \"demo\" needs no key:\n\n  parley chat --server " << url
              << " --model demo\n\n";
  std::cout << "Stop it with Ctrl-C." << std::endl;
}

expected<void> init_from_settings(node& running, const settings& values,
                                  const serve_options& options) {
  setup_wish wish;
  if (options.is_demo) {
    auto& model = wish.models.emplace_back();
    model.set(&model_config::name, std::string{"demo"});
    model.set(&model_config::provider, std::string{"demo"});
  }
  wish.admin_username = values.init_admin_username;
  wish.admin_password = values.init_admin_password;
  wish.admin_email = values.init_admin_email;
  TRY(auto lines, set_up(running, wish));
  for (const auto& line : lines) log_info("setup.done", {{"what", line}});
  return {};
}

// While the node stops, another signal takes its patience; and if it hangs, it ends anyway.
class stop_watch {
 public:
  stop_watch(const sigset_t& signals, std::chrono::milliseconds span)
      : thread_{[this, signals, until = std::chrono::steady_clock::now() + span] {
          while (!is_done_ && std::chrono::steady_clock::now() < until) {
            timespec step{.tv_sec = 0, .tv_nsec = 100'000'000};
            if (::sigtimedwait(&signals, nullptr, &step) > 0) is_urgent_ = true;
          }
          if (!is_done_) {
            log_error("node.killed_itself", {});
            stop_log();
            ::_exit(1);
          }
        }} {}
  ~stop_watch() {
    is_done_ = true;
    thread_.join();
  }
  stop_watch(const stop_watch&) = delete;
  stop_watch& operator=(const stop_watch&) = delete;
  const std::atomic<bool>& is_urgent() const { return is_urgent_; }

 private:
  std::atomic<bool> is_done_ = false;
  std::atomic<bool> is_urgent_ = false;
  std::thread thread_;
};

// What runs on the I/O threads answers, and what runs on the scheduler's.
bool is_alive(node& running) {
  auto known = ask_and_wait<login_methods>(running.system(), running.admin(), get_methods{}, 2s);
  return known && running.answers();
}

/// The signal that ends the server. Until then the watchdog hears of a node that is alive, and a
/// quiet one gives memory back.
int wait_for_end(const sigset_t& signals, const systemd_link& systemd, node& running) {
  constexpr auto look_every = 5000ms;
  auto watchdog = systemd.watchdog_step();
  auto step = std::min(look_every, watchdog.value_or(look_every));
  auto seconds = std::chrono::duration_cast<std::chrono::seconds>(step);
  timespec span{.tv_sec = seconds.count(),
                .tv_nsec = std::chrono::nanoseconds{step - seconds}.count()};
  for (;;) {
    auto signal = ::sigtimedwait(&signals, nullptr, &span);
    if (signal > 0) return signal;
    if (watchdog && is_alive(running)) systemd.tell("WATCHDOG=1");
    running.rest_if_idle();
  }
}

}  // namespace

int serve(const configuration& config, const serve_options& options) {
  const auto& values = config.values;
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGHUP, SIG_IGN);
  auto signals = ending_signals();
  // Before the first thread, so that all of them leave these signals to sigwait.
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  keep_memory_private();
  keep_freed_memory();
  raise_descriptor_limit();
  systemd_link systemd;
  start_log(
      {.level = values.log_level, .format = values.log_format, .files = log_files_of(values)});
  auto running = node::start(values);
  if (!running) {
    stop_log();
    return report(running.error());
  }
  if (auto made = init_from_settings(**running, values, options); !made) {
    running->reset();
    stop_log();
    return report(made.error());
  }
  if ((*running)->has_lost_secrets())
    log_warning("secrets.lost", {{"data_dir", values.data_dir},
                                 {"effect", "passwords, logins and API keys are void"}});
  else if ((*running)->has_foreign_keys())
    log_warning("secrets.foreign", {{"data_dir", values.data_dir},
                                    {"effect", "some API keys of models can't be read"}});
  log_info("node.started", {{"version", PARLEY_VERSION}, {"port", (*running)->port()}});
  print_next_steps(**running, values, options);
  systemd.tell("READY=1\nSTATUS=Serves on port " + std::to_string((*running)->port()));
  auto signal = wait_for_end(signals, systemd, **running);
  log_info("node.stops", {{"signal", signal}});
  // Beyond what replies get to end: 6 s to be told of it, and some to store what is left. Nothing
  // that was acknowledged needs longer.
  constexpr auto rest = 9s;
  systemd.tell("STOPPING=1\nSTATUS=Lets running replies end\nEXTEND_TIMEOUT_USEC=" +
               std::to_string(std::chrono::microseconds{values.drain_s + rest + 5s}.count()));
  {
    stop_watch watch{signals, values.drain_s + rest};
    (*running)->stop(values.drain_s, watch.is_urgent());
    running->reset();
  }
  log_info("node.stopped", {});
  stop_log();
  return 0;
}

}  // namespace parley::app
