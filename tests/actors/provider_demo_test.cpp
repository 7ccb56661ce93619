// The scripted provider: its answers take the way of all others, and nobody is called.
#include "tests/actors/provider_world.hpp"

using namespace parley;
using namespace parley::test;

namespace {

complete order_of_demo(provider_world& w, const std::string& question) {
  complete message;
  message.call = make_call_id();
  message.sink = w.make_sink();
  message.model.id = model_id::make();
  message.model.provider = "demo";
  message.model.base_url = "https://demo.invalid";
  message.model.model = "demo";
  part said;
  said.text = question;
  message.messages = {{message_role::user, {said}}};
  return message;
}

}  // namespace

TEST_CASE("a scripted answer comes in pieces and says what it is", "[provider][demo]") {
  provider_world w;
  auto call = w.run(order_of_demo(w, "What's \"this\"?\n"));
  REQUIRE(call.finished.size() == 1);
  CHECK(call.failed.empty());
  CHECK(call.finished[0].reason == finish_reason::stop);
  CHECK(call.deltas > 50);
  CHECK(call.is_on_loop);
  CHECK(call.text.find("scripted answer") != std::string::npos);
  CHECK(call.text.find("You wrote: “What's \"this\"?\n”") != std::string::npos);
  CHECK(call.text.find("shown 1 message of") != std::string::npos);
}

TEST_CASE("of a long question the beginning is quoted, no character in halves", "[demo]") {
  provider_world w;
  std::string question = "x";
  while (question.size() < 1000) question += "ö";
  auto call = w.run(order_of_demo(w, question));
  REQUIRE(call.finished.size() == 1);
  CHECK(call.text.find(question.substr(0, 199) + "…”") != std::string::npos);
}

TEST_CASE("a scripted answer can be stopped, and ends with its sink", "[provider][demo]") {
  provider_world w;
  auto order = order_of_demo(w, "Hi");
  caf::anon_send(w.provider, order);
  REQUIRE(w.ears.wait_until([&] { return w.ears.calls[order.call].deltas > 2; }));
  caf::anon_send(w.provider, cancel_call{order.call});
  // Another one runs to its end beside it; of the first no more comes.
  CHECK(w.run(order_of_demo(w, "Hi")).finished.size() == 1);
  auto stopped = w.ears.look(order.call);
  CHECK(stopped.ends() == 0);
  CHECK(stopped.text.find("gemini") == std::string::npos);
}

TEST_CASE("calls of a server that stops fail, scripted ones as well", "[provider][demo]") {
  provider_world w;
  auto order = order_of_demo(w, "Hi");
  caf::anon_send(w.provider, order);
  REQUIRE(w.ears.wait_until([&] { return w.ears.calls[order.call].deltas > 2; }));
  caf::anon_send(w.provider, fail_calls{});
  CHECK(reason_of(w.ears.wait_for_end(order.call)) == "draining");
}

TEST_CASE("beyond calls_max a scripted call is refused", "[provider][demo]") {
  upstream_limits limits;
  limits.calls_max = 0;
  provider_world w{limits};
  CHECK(reason_of(w.run(order_of_demo(w, "Hi"))) == "upstream_calls");
}

TEST_CASE("the demo model is tried and listed as any other", "[provider][demo]") {
  provider_world w;
  auto model = order_of_demo(w, "Hi").model;
  caf::scoped_actor self{w.system};
  bool was_tried = false;
  self->request(w.provider, 10s, try_model{model})
      .receive([&](const model_trial&) { was_tried = true; }, [](const error&) {});
  CHECK(was_tried);
  std::string listed;
  self->request(w.provider, 10s, list_offers{model})
      .receive([&](const offer_list& list) { listed = list.items.at(0).id; }, [](const error&) {});
  CHECK(listed == "demo");
}
