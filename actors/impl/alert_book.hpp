/// Which alerts fire: each once, and each is resolved once, also over a restart. Pure: times are
/// given. Belongs to the ALERTS actor.
#pragma once

#include <map>
#include <set>

#include "actors/impl/alert_rules.hpp"

namespace parley {

struct alert_moment {
  steady_time steady;  ///< what spans are measured by
  instant wall;        ///< what is shown
};

class alert_book {
 public:
  /// A cause fires when it was bad for `hold` and resolves when it was well so long; that of a
  /// budget at once, because a sum does not flap. Of `subjects_max` causes.
  alert_book(std::chrono::seconds hold, size_t subjects_max)
      : hold_(hold), subjects_max_(subjects_max) {}

  /// What an earlier process knew. Nobody is told twice of what fires.
  void load(const kept_alerts& kept);
  /// False: there are too many causes, and this one is passed over.
  bool note(const alert_finding& found, const alert_moment& now);
  /// Of a kind of which these are all there are: another one is gone, so it is well.
  void note_all(alert_kind kind, const std::vector<alert_finding>& all, const alert_moment& now);
  /// Ends what ends by itself.
  void pass(const alert_moment& now);

  /// What fired and what was resolved since this was asked last, in that order.
  std::vector<alert> take_news();
  /// The news have reached somebody.
  void mark_told(const std::vector<alert>& news);

  /// The latest first.
  std::vector<alert> firing() const;
  kept_alerts kept() const;
  /// Whether `kept` is another since this was asked last.
  bool take_change() { return std::exchange(has_changed_, false); }

 private:
  struct cause {
    kept_alert kept;
    bool is_firing = false;
    std::optional<steady_time> turning_since{};  ///< bad, or well, all the time since
  };
  using key = std::pair<alert_kind, std::string>;

  void fire(cause& what, const alert_moment& now);
  void resolve(const key& which, instant at);

  std::chrono::seconds hold_;
  size_t subjects_max_;
  std::map<key, cause> causes_;
  std::vector<kept_alert> resolved_;  ///< nobody was told yet; at most subjects_max
  std::vector<alert> news_;
  bool has_changed_ = false;
};

}  // namespace parley
