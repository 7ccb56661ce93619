#include "actors/channel_reports.hpp"

#include <catch2/catch.hpp>

using namespace parley;

TEST_CASE("an origin has its port, also where the URL leaves it out") {
  CHECK(origin_in("https://API.example.com/v1") == "https://api.example.com:443");
  CHECK(origin_in("http://a.example?x") == "http://a.example:80");
  CHECK(origin_in("http://127.0.0.1:8080/v1") == "http://127.0.0.1:8080");
  CHECK(origin_in("http://[::1]/v1") == "http://[::1]:80");
  CHECK(origin_in("http://[::1]:11434") == "http://[::1]:11434");
}

TEST_CASE("a report is found by model, channel and origin") {
  auto model = model_id::make();
  channel_reports all;
  all.items.push_back({model, "", "https://a.example:443", channel_condition::well, std::nullopt});
  all.items.push_back(
      {model, "second", "https://b.example:443", channel_condition::well, std::nullopt});
  CHECK(find_report(all, model, "", "https://a.example/v1") == &all.items[0]);
  CHECK(find_report(all, model, "second", "https://b.example") == &all.items[1]);
  // At another address it is another channel.
  CHECK(find_report(all, model, "", "https://b.example/v1") == nullptr);
  CHECK(find_report(all, model_id::make(), "", "https://a.example/v1") == nullptr);
}
