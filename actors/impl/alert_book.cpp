#include "actors/impl/alert_book.hpp"

#include <algorithm>

namespace parley {

void alert_book::load(const kept_alerts& kept) {
  for (const auto& one : kept.items) {
    if (causes_.size() + resolved_.size() >= subjects_max_) return;
    if (!one.is_told) news_.push_back(one.what);
    if (one.what.state == alert_state::firing)
      causes_[{one.what.kind, one.what.subject}] = {one, true, std::nullopt};
    else
      resolved_.push_back(one);
  }
}

bool alert_book::note(const alert_finding& found, const alert_moment& now) {
  key which{found.kind, found.subject};
  auto known = causes_.find(which);
  if (known == causes_.end()) {
    if (found.sign != alert_sign::bad) return true;
    if (causes_.size() >= subjects_max_) return false;
    known = causes_.emplace(which, cause{}).first;
    known->second.kept.what.kind = found.kind;
    known->second.kept.what.subject = found.subject;
  }
  auto& what = known->second;
  if (found.sign == alert_sign::bad) {
    what.kept.what.summary = found.summary;
    what.kept.what.mend = found.mend;
    what.kept.ends_at = found.ends_at;
  }
  auto is_turning = found.sign == (what.is_firing ? alert_sign::well : alert_sign::bad);
  if (!is_turning) {
    what.turning_since.reset();
    if (!what.is_firing) causes_.erase(known);
    return true;
  }
  if (!what.turning_since) what.turning_since = now.steady;
  auto hold = found.kind == alert_kind::budget ? std::chrono::seconds{0} : hold_;
  if (now.steady - *what.turning_since < hold) return true;
  if (what.is_firing)
    resolve(which, now.wall);
  else
    fire(what, now);
  return true;
}

void alert_book::note_all(alert_kind kind, const std::vector<alert_finding>& all,
                          const alert_moment& now) {
  std::set<std::string> gone;
  for (const auto& [which, what] : causes_)
    if (which.first == kind) gone.insert(which.second);
  for (const auto& found : all)
    if (found.kind == kind) gone.erase(found.subject);
  for (const auto& subject : gone) note({kind, subject, alert_sign::well}, now);
}

void alert_book::pass(const alert_moment& now) {
  std::vector<key> over;
  for (const auto& [which, what] : causes_)
    if (what.is_firing && what.kept.ends_at && *what.kept.ends_at <= now.wall)
      over.push_back(which);
  for (const auto& which : over) resolve(which, now.wall);
}

void alert_book::fire(cause& what, const alert_moment& now) {
  what.is_firing = true;
  what.turning_since.reset();
  what.kept.what.since = now.wall;
  news_.push_back(what.kept.what);
  has_changed_ = true;
}

void alert_book::resolve(const key& which, instant at) {
  auto over = std::move(causes_[which].kept);
  causes_.erase(which);
  over.what.state = alert_state::resolved;
  over.what.resolved_at = at;
  over.is_told = false;
  news_.push_back(over.what);
  if (resolved_.size() >= subjects_max_) resolved_.erase(resolved_.begin());
  resolved_.push_back(std::move(over));
  has_changed_ = true;
}

std::vector<alert> alert_book::take_news() {
  return std::exchange(news_, {});
}

void alert_book::mark_told(const std::vector<alert>& news) {
  auto is_same = [](const alert& a, const alert& b) {
    return a.kind == b.kind && a.subject == b.subject && a.since == b.since;
  };
  for (const auto& told : news) {
    if (told.state == alert_state::resolved) {
      has_changed_ |= std::erase_if(resolved_, [&](const kept_alert& one) {
                        return is_same(one.what, told);
                      }) > 0;
      continue;
    }
    auto found = causes_.find({told.kind, told.subject});
    if (found == causes_.end() || !is_same(found->second.kept.what, told)) continue;
    has_changed_ |= !std::exchange(found->second.kept.is_told, true);
  }
}

std::vector<alert> alert_book::firing() const {
  std::vector<alert> all;
  for (const auto& [which, what] : causes_)
    if (what.is_firing) all.push_back(what.kept.what);
  std::stable_sort(all.begin(), all.end(),
                   [](const alert& a, const alert& b) { return a.since > b.since; });
  return all;
}

kept_alerts alert_book::kept() const {
  kept_alerts all;
  for (const auto& [which, what] : causes_)
    if (what.is_firing) all.items.push_back(what.kept);
  for (const auto& one : resolved_) all.items.push_back(one);
  return all;
}

}  // namespace parley
