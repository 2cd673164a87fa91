#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "conflict/detector.h"
#include "crypto/keyed_hash.h"
#include "pipeline/deliver.h"
#include "pipeline/ledger.h"
#include "pipeline/subjects.h"
#include "pipeline/window.h"
#include "security/verification_token.h"
#include "transform/mapper.h"

namespace datasync::pipeline {

/// Two records that become one, or one that becomes two again, checked and ready to be carried out.
struct Joint {
  Subject* keep = nullptr;
  Subject* other = nullptr;
  std::shared_ptr<Event> event;        ///< tells the platforms of `keep`; has no sequence yet
  std::shared_ptr<Event> other_event;  ///< of a split: the same of `other`
  std::vector<Field> values;           ///< of the fields of `keep` from now on; canonical
  std::vector<Conflict::Side> lost;    ///< of a merge: where both have a value, and one of them goes
  std::vector<std::pair<PlatformId, std::string>> duplicates;
};

/// A person's decision, checked and ready to be carried out.
struct Settlement {
  Conflict review;
  Subject* subject = nullptr;
  std::shared_ptr<Event> event;  ///< tells the platforms; has no sequence yet
  Value value;                   ///< of the field from now on
  ReviewDecision::Choice choice = ReviewDecision::Choice::kTarget;
  PlatformId platform;  ///< kSource: whose value it is; kTarget: whose alone is declined, if any is named
  std::string by, reason;
  std::optional<Joint> joint;  ///< the review's record is another one
};

/// What takes back an event's effect, checked and ready to be carried out.
struct Compensation {
  Subject* subject = nullptr;
  std::shared_ptr<Event> event;  ///< tells the platforms; has no sequence yet
  std::vector<Field> values;     ///< of the fields from now on; canonical
};

/// What an event says in canonical words, and by what its record may be found.
struct Reading {
  Entry* entry = nullptr;
  Result<transform::CanonicalChange> change;
  std::vector<std::pair<std::string_view, Hash128>> natural_keys = {};  ///< as far as they were hashed already
};

/// The second verb. Turns an event into a change of its golden record and decides who lacks what of it.
///
/// Errors:  of the store's reads; the window must be given up then. What is wrong with the event itself ends the event.
/// Threads: the engine's.
class Reconciler {
 public:
  Reconciler(Tools tools, Ledger& ledger, Subjects& subjects, Deliverer& deliverer);

  [[nodiscard]] Result<void> reconcile(Window& window, Entry& entry);

  // The same in three steps, for many events: what each of them says is read, the records that they may speak of are
  // fetched ahead, and one after the other they are reconciled. Each sees what those before it have done.

  [[nodiscard]] static Reading read(const Window& window, Entry& entry);
  /// Worth it only where `Subjects::fetches_ahead`.
  [[nodiscard]] Result<void> fetch(const Window& window, std::span<Reading> readings);
  [[nodiscard]] Result<void> reconcile(Window& window, Reading& reading);

  /// Whether a person's decision can be carried out now, and what it comes to. Changes nothing.
  /// Errors: `kNotFound`; `kConflict` where the review has moved on; `kInvalid` with the pointer; of the store's reads.
  [[nodiscard]] Result<Settlement> prepare(const Window& window, const ReviewDecision& decision);
  /// Carries it out; `entry` is its event. Returns the conflict as it is from now on.
  [[nodiscard]] Result<Conflict> settle(Window& window, Entry& entry, Settlement settlement);

  /// Names who is to decide. Errors: as `prepare`.
  [[nodiscard]] Result<Conflict> assign(Window& window, const ReviewDecision& decision);
  /// Reviews that have waited as long as they may: what becomes of them. Errors: of the store's reads.
  [[nodiscard]] Result<std::vector<ReviewDecision>> expired_reviews(const Window& window) const;
  /// Such a review could not decide itself, because of `why`: it says so, and does not expire again. Closed where its
  /// record waits for nothing. Errors: of the store's reads.
  [[nodiscard]] Result<void> stop_expiry(Window& window, const ReviewDecision& decision, const Error& why);

  /// What takes back an event's effect. Changes nothing.
  /// Errors: `kConflict` with the reason where the record has moved on; of the store's reads.
  [[nodiscard]] Result<Compensation> prepare(const Window& window, const storage::StoredEvent& undone,
                                             const UndoRequest& undo);
  [[nodiscard]] Result<void> compensate(Window& window, Entry& entry, const Compensation& compensation);

  /// Whether two records can be merged, or parted, and what it comes to. Changes nothing.
  /// Errors: `kNotFound`; `kInvalid` with the pointer; `kConflict` with the reason; of the store's reads.
  [[nodiscard]] Result<Joint> prepare(const Window& window, const MergeRequest& request);
  [[nodiscard]] Result<void> merge(Window& window, Entry& entry, const Joint& joint);
  [[nodiscard]] Result<void> split(Window& window, Entry& entry, Entry& other_entry, const Joint& joint);

 private:
  struct Change;  // what one event does to one record

  /// Null if there is none yet, or if its natural keys are those of several: then these are the `candidates`.
  [[nodiscard]] Result<Subject*> find(Window& window, const Reading& reading, std::vector<EntityId>& candidates);
  [[nodiscard]] std::optional<Hash128> natural_identity(const Window& window, const Reading& reading,
                                                        const std::string& key);
  [[nodiscard]] Result<void> link(Window& window, Change& change);
  void place_copy(Change& change, bool is_linked);
  [[nodiscard]] Result<void> close_copy_reviews(Window& window, Change& change, const EntityId& other);
  void lose_copy_to(Window& window, Change& change, Subject& former);
  static void learn_own_id(Change& change);
  void settle_copy(Window& window, Change& change);
  [[nodiscard]] Result<void> move_natural_key(Window& window, Subject& subject, const FieldName& field,
                                              const Value* before, const Value& after);

  void note_late_values(Window& window, Change& change, const Fields& fields);
  [[nodiscard]] static bool is_overtaken(const Change& change, const conflict::Observation& seen);
  [[nodiscard]] static conflict::Observation observe(const Window& window, const Change& change, const FieldName& field,
                                                     const Value& value);
  [[nodiscard]] Result<void> note_missing(Window& window, Change& change, const Fields& said);
  [[nodiscard]] static bool is_surely_held(const Window& window, const Change& change, const FieldName& field);
  void announce_missing(Window& window, Change& change, const FieldState& golden);
  [[nodiscard]] Result<void> end_missing(Window& window, Change& change, std::size_t index, std::string_view why);
  [[nodiscard]] static bool is_original(const Change& change, const conflict::Observation& seen,
                                        const FieldState& golden, const Value& value);
  [[nodiscard]] Result<conflict::Verdict> judge(Window& window, Change& change, const FieldName& field,
                                                const Value& value);
  [[nodiscard]] Result<void> judge_delete(Window& window, Change& change);
  [[nodiscard]] static bool end_one_copy(const Window& window, Change& change);
  [[nodiscard]] static std::vector<FieldState> unseen_edits(const Window& window, const Change& change);
  [[nodiscard]] static conflict::Observation observe_unsaid(const Window& window, const Change& change,
                                                            const FieldState& field);
  [[nodiscard]] Result<void> settle_existence(Window& window, Change& change, const Value& value,
                                              conflict::Verdict verdict, std::uint64_t held_hash);
  [[nodiscard]] Result<void> contest(Window& window, Change& change, const Value& value,
                                     const std::vector<FieldState>& others, std::string reason,
                                     std::uint64_t held_hash);
  static void note_existence(Record& record, const FieldState& newest);
  [[nodiscard]] Result<bool> contest_tombstone(Window& window, Change& change, const Fields& fields);
  [[nodiscard]] static bool is_copy_new(const Change& change);
  [[nodiscard]] Result<bool> is_news(const Window& window, Change& change, const Fields& fields) const;
  [[nodiscard]] static bool is_untouched(const Window& window, const Change& change, const FieldName& field,
                                         const std::optional<Value>& base, std::uint64_t held_hash);
  [[nodiscard]] Result<void> note_changed_again(Window& window, Change& change);
  static void hold(Change& change, const FieldName& field, RecordVersion version, std::uint64_t held_hash);
  void overwrite(Change& change, const FieldName& field, const Value& value);
  [[nodiscard]] Result<void> take_over(Window& window, Change& change, const FieldName& field, const Value& value,
                                       std::uint64_t held_hash);
  [[nodiscard]] Result<void> settle_conflict(Window& window, Change& change, const FieldName& field, const Value& value,
                                             std::uint64_t held_hash, conflict::Verdict verdict);
  [[nodiscard]] static std::string schema_reason(const Window& window, const Record& record, const FieldState& golden,
                                                 const Value& value);
  [[nodiscard]] static RecordVersion base_version_of(const Change& change, const FieldName& field);
  [[nodiscard]] Result<std::optional<Value>> base_of(const Window& window, Change& change,
                                                     const FieldState& golden) const;
  static void keep_golden(Change& change, const FieldName& field, std::uint64_t held_hash);
  static void note_conflict(Change& change, Conflict::Side side, std::string_view type, const PlatformId& writer);
  [[nodiscard]] Result<void> record_outcome(Window& window, Change& change);
  [[nodiscard]] static Conflict describe(const Window& window, const Change& change);

  [[nodiscard]] std::string rule_against(const Window& window, const conflict::FieldRule& rule,
                                         const FieldState* before, const Value& after) const;
  [[nodiscard]] Result<Conflict> load_review(const Window& window, const TenantId& tenant, const std::string& id) const;
  [[nodiscard]] Result<Conflict> find_review(const Window& window, const ReviewDecision& decision) const;
  void stage_review(Window& window, const Change& change, Conflict review);
  [[nodiscard]] Result<void> propose(Window& window, Change& change, const FieldName& field, Conflict::Side side,
                                     std::string_view type, std::string reason, std::uint64_t held_hash);
  [[nodiscard]] static bool is_older_proposal(const Change& change, const Hold& hold);
  [[nodiscard]] static bool repeat_proposal(Change& change, const conflict::Observation& seen);
  [[nodiscard]] Result<void> withdraw(Window& window, Change& change, const FieldName& field);
  [[nodiscard]] Result<void> tell_of_tombstone(Change& change) const;
  [[nodiscard]] Result<void> close_review(Window& window, Change& change, const FieldName& field, std::string_view why);
  [[nodiscard]] Result<void> close_reviews_of_deleted(Window& window, Change& change);
  static void ask_holder(Window& window, Conflict& review, const Conflict::Side& side, bool is_new);
  [[nodiscard]] Result<Conflict> decline_one(Window& window, Entry& entry, Settlement settlement);
  [[nodiscard]] Result<void> release(Window& window, const Record& record, Sequence event, const std::string& message);
  [[nodiscard]] Result<Value> merged_value(const Window& window, const Conflict& review, const FieldState& golden,
                                           Fields data) const;
  [[nodiscard]] Result<std::optional<std::vector<FieldState>>> overwritten_by_event(const Window& window,
                                                                                    Sequence event) const;
  [[nodiscard]] Result<std::vector<Field>> values_before(const Window& window, const Record& record,
                                                         const storage::StoredEvent& undone) const;
  [[nodiscard]] Result<Field> declined_value(const Window& window, const Record& record, const Event& decision,
                                             RecordVersion& version) const;
  [[nodiscard]] static Result<void> may_take_back(const Record& record, const std::vector<Field>& values,
                                                  RecordVersion version);
  static void close(Conflict& review, const Settlement& settlement, const EventId& event, Timestamp now);
  [[nodiscard]] Result<void> set_by_person(Window& window, Change& change, const FieldName& field, const Value& value);
  static void note_writer(const Window& window, Record& record, const FieldState& state);

  [[nodiscard]] Result<void> ask_which(Window& window, Change& change, const std::vector<EntityId>& candidates);
  [[nodiscard]] Result<void> wait_for_identity(Window& window, Change& change, Hold& hold);
  [[nodiscard]] Result<Settlement> prepare_identity(const Window& window, const ReviewDecision& decision,
                                                    Settlement settlement);
  [[nodiscard]] Result<Settlement> prepare_sameness(const Window& window, const ReviewDecision& decision,
                                                    Settlement settlement, const MergeRequest* merge);
  [[nodiscard]] Result<Conflict> settle_identity(Window& window, Entry& entry, Settlement settlement);
  [[nodiscard]] Result<Joint> prepare_merge(const Window& window, const MergeRequest& request, Joint joint) const;
  [[nodiscard]] Result<Joint> prepare_split(const Window& window, const MergeRequest& request, Joint joint) const;

  [[nodiscard]] Result<Settlement> prepare_copy(const Window& window, const ReviewDecision& decision,
                                                Settlement settlement);
  [[nodiscard]] Result<void> wait_for_copy(Window& window, Change& change, Hold& hold);
  [[nodiscard]] Result<void> repair(Window& window, Entry& entry);

  void plan_stateless(Window& window, Entry& entry, const transform::CanonicalChange& change);
  void plan_deliveries(Window& window, Change& change);
  void plan_after_tombstone(Window& window, Change& change);
  void plan(Window& window, Change& change, const PlatformId& target);
  void finish(Window& window, Entry& entry, EventStatus status, std::string message);

  Tools tools_;
  Ledger& ledger_;
  Subjects& subjects_;
  Deliverer& deliverer_;
  crypto::KeyedHash natural_keys_;
  security::VerificationTokens verification_tokens_;
};

}  // namespace datasync::pipeline
