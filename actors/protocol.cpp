#include "actors/protocol.hpp"

#include "actors/provider_messages.hpp"

namespace parley {

std::atomic<fault_hook> handler_fault_hook = nullptr;

namespace {
std::array<std::atomic<uint64_t>, 4> mishap_counts{};

// CAF takes the asker out of the question before it allocates the message that answers it, and so
// does a promise. Who is neither in the question nor has the answer would wait for ever. One whose
// answer is held (held_answers) would not, but cannot be told apart from here.
bool has_lost_asker(caf::scheduled_actor& actor) {
  const auto* asked = actor.current_mailbox_element();
  return asked != nullptr && asked->mid.is_request() && asked->sender == nullptr;
}
}  // namespace

void count_mishap(mishap kind, std::string_view, std::string_view) {
  ++mishap_counts[static_cast<size_t>(kind) - 1];
}

uint64_t mishaps(mishap kind) {
  return mishap_counts[static_cast<size_t>(kind) - 1];
}

call_id make_call_id() {
  static std::atomic<call_id> last = 0;
  return ++last;
}

void harden(caf::scheduled_actor* self) {
  self->set_default_handler(
      [](caf::scheduled_actor* actor, caf::message_view&) -> caf::result<caf::message> {
        count_mishap(mishap::unexpected_message, actor->name(), "");
        if (actor->current_message_id().is_request()) return caf::sec::unexpected_message;
        return caf::delegated<caf::message>{};
      });
  self->set_error_handler([](caf::scheduled_actor* actor, error& cause) {
    count_mishap(mishap::failed_tell, actor->name(), describe(cause));
  });
  self->set_exit_handler([](caf::scheduled_actor* actor, caf::exit_msg& exit) {
    if (exit.reason == caf::exit_reason::user_shutdown || exit.reason == caf::exit_reason::kill)
      actor->quit(exit.reason);
    else
      count_mishap(mishap::exit_refused, actor->name(), caf::to_string(exit.reason));
  });
  self->set_down_handler([](caf::scheduled_actor*, caf::down_msg&) {});
  self->set_exception_handler([](caf::scheduled_actor* actor, std::exception_ptr& thrown) -> error {
    std::string cause = "not a std::exception";
    try {
      std::rethrow_exception(thrown);
    } catch (const std::bad_alloc& e) {
      if (has_lost_asker(*actor)) std::terminate();
      cause = e.what();
    } catch (const std::exception& e) {
      cause = e.what();
    } catch (...) {
    }
    count_mishap(mishap::exception, actor->name(), cause);
    return caf::sec::runtime_error;
  });
}

}  // namespace parley
