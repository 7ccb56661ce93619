#include "actors/impl/alert_book.hpp"

#include <catch2/catch.hpp>

using namespace parley;
using namespace std::chrono_literals;

namespace {

struct book_world {
  alert_book book{60s, 10};
  alert_moment now{steady_time{std::chrono::hours{1}}, instant{1'700'000'000'000}};

  void pass(std::chrono::seconds span) {
    now.steady += span;
    now.wall = now.wall + span;
  }
  bool note(alert_sign sign, std::string subject = "data_dir",
            alert_kind kind = alert_kind::disk_low) {
    return book.note({kind, std::move(subject), sign, "Little is free.", "Make room."}, now);
  }
  /// "firing data_dir" of each.
  std::string news() {
    std::string text;
    for (const auto& one : book.take_news())
      text += (text.empty() ? "" : ", ") + to_string(one.state) + " " + one.subject;
    return text;
  }
};

}  // namespace

TEST_CASE("a cause fires once when it has lasted, and resolves once when it has gone") {
  book_world w;
  w.note(alert_sign::bad);
  CHECK(w.news().empty());
  w.pass(59s);
  w.note(alert_sign::bad);
  CHECK(w.news().empty());
  w.pass(1s);
  w.note(alert_sign::bad);
  auto fired_at = w.now.wall;
  auto news = w.book.take_news();
  REQUIRE(news.size() == 1);
  CHECK(news[0].state == alert_state::firing);
  CHECK(news[0].since == fired_at);
  CHECK(news[0].summary == "Little is free.");
  CHECK(news[0].mend == "Make room.");
  for (int i = 0; i < 10; ++i) {
    w.pass(60s);
    w.note(alert_sign::bad);
  }
  CHECK(w.news().empty());
  CHECK(w.book.firing().size() == 1);
  w.note(alert_sign::well);
  CHECK(w.news().empty());
  w.pass(60s);
  w.note(alert_sign::well);
  news = w.book.take_news();
  REQUIRE(news.size() == 1);
  CHECK(news[0].state == alert_state::resolved);
  CHECK(news[0].since == fired_at);
  CHECK(news[0].resolved_at == w.now.wall);
  w.pass(600s);
  w.note(alert_sign::well);
  CHECK(w.news().empty());
  CHECK(w.book.firing().empty());
}

TEST_CASE("what flaps neither fires nor resolves") {
  book_world w;
  for (int i = 0; i < 20; ++i) {
    w.note(i % 2 == 0 ? alert_sign::bad : alert_sign::well);
    w.pass(40s);
  }
  for (int i = 0; i < 20; ++i) {
    w.note(i % 2 == 0 ? alert_sign::bad : alert_sign::unclear);
    w.pass(40s);
  }
  CHECK(w.news().empty());
  w.note(alert_sign::bad);
  w.pass(60s);
  w.note(alert_sign::bad);
  CHECK(w.news() == "firing data_dir");
  for (int i = 0; i < 20; ++i) {
    w.note(i % 2 == 0 ? alert_sign::well : alert_sign::unclear);
    w.pass(40s);
  }
  CHECK(w.news().empty());
}

TEST_CASE("subjects fire apart, and one that is no more is well") {
  book_world w;
  w.note(alert_sign::bad, "a", alert_kind::upstream_down);
  w.note(alert_sign::bad, "b", alert_kind::upstream_down);
  w.note(alert_sign::bad);
  w.pass(60s);
  w.note(alert_sign::bad, "a", alert_kind::upstream_down);
  w.note(alert_sign::bad, "b", alert_kind::upstream_down);
  w.note(alert_sign::bad);
  CHECK(w.news() == "firing a, firing b, firing data_dir");
  for (int i = 0; i < 2; ++i) {
    w.book.note_all(alert_kind::upstream_down,
                    {{alert_kind::upstream_down, "b", alert_sign::unclear}}, w.now);
    w.pass(60s);
  }
  CHECK(w.news() == "resolved a");
}

TEST_CASE("a budget fires at once and is over with its period") {
  book_world w;
  alert_finding budget{alert_kind::budget, "eve/day/tokens", alert_sign::bad, "Much.", "Less."};
  budget.ends_at = w.now.wall + 1h;
  w.book.note(budget, w.now);
  CHECK(w.news() == "firing eve/day/tokens");
  w.pass(3599s);
  w.book.pass(w.now);
  CHECK(w.news().empty());
  w.pass(1s);
  w.book.pass(w.now);
  CHECK(w.news() == "resolved eve/day/tokens");
  // It was raised, or is another's now.
  w.book.note(budget, w.now);
  budget.sign = alert_sign::well;
  w.book.note(budget, w.now);
  CHECK(w.news() == "firing eve/day/tokens, resolved eve/day/tokens");
}

TEST_CASE("causes beyond the limit are passed over until others are gone") {
  book_world w;
  for (int i = 0; i < 10; ++i) CHECK(w.note(alert_sign::bad, std::to_string(i)));
  CHECK_FALSE(w.note(alert_sign::bad, "one more"));
  CHECK(w.note(alert_sign::well, "one more"));
  w.note(alert_sign::well, "3");
  CHECK(w.note(alert_sign::bad, "one more"));
}

TEST_CASE("a restart tells nobody twice and forgets nothing untold") {
  book_world w;
  w.note(alert_sign::bad, "told");
  w.note(alert_sign::bad, "untold");
  w.note(alert_sign::bad, "over");
  w.pass(60s);
  for (const auto* subject : {"told", "untold", "over"}) w.note(alert_sign::bad, subject);
  CHECK(w.book.take_change());
  auto news = w.book.take_news();
  REQUIRE(news.size() == 3);
  w.book.mark_told({news[0], news[2]});
  CHECK(w.book.take_change());
  w.note(alert_sign::well, "over");
  w.pass(60s);
  w.note(alert_sign::well, "over");

  alert_book next{60s, 10};
  next.load(w.book.kept());
  CHECK(next.firing().size() == 2);
  std::string told;
  auto again = next.take_news();
  for (const auto& one : again) told += to_string(one.state) + " " + one.subject + ", ";
  CHECK(told == "firing untold, resolved over, ");
  next.mark_told(again);
  alert_book last{60s, 10};
  last.load(next.kept());
  CHECK(last.take_news().empty());
  CHECK(last.firing().size() == 2);
}
