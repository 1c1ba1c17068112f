#include "controllers/canary_rollout/commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/mutant.h"
#include "base/text.h"
#include "controllers/canary_rollout/command_rules.h"
#include "controllers/canary_rollout/pauses.h"
#include "controllers/canary_rollout/transitions.h"
#include "crds/names.h"

namespace sluice::canary_rollout {
namespace {

constexpr std::size_t kIdMax = 200;
constexpr std::size_t kWordsMax = 4;

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  constexpr std::string_view kSpace = " \t\r\n";
  while (words.size() < kWordsMax) {
    const std::size_t begin = text.find_first_not_of(kSpace);
    if (begin == std::string_view::npos) {
      break;
    }
    text.remove_prefix(begin);
    const std::size_t end = std::min(text.find_first_of(kSpace), text.size());
    words.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return words;
}

// Splits "revision:2"; false if what follows the colon is no step.
bool take_step(std::string_view word, Command& command) {
  const std::size_t colon = word.find(':');
  command.revision = bounded(word.substr(0, colon), kNameMax);
  if (colon == std::string_view::npos) {
    return true;
  }
  const std::string_view digits = word.substr(colon + 1);
  const auto step = parse_number<std::int32_t>(digits);
  if (!step || *step < 0) {
    return false;
  }
  command.step = step;
  return true;
}

// What an accepted command does, for people.
std::string what_happens(const Turn& turn, const Command& command) {
  const std::string& step = turn.status().step_summary;
  const bool is_watched = turn.status().phase == api::RolloutPhase::kWatching;
  if (is_watched && command.verb == "abort") {
    return "users go back to " + turn.status().stable_revision;
  }
  if (is_watched && command.verb == "promote") {
    return "it is watched no longer";
  }
  if (command.verb == "abort") {
    return "the candidate is rolled back";
  }
  if (command.verb == "approve" && !awaits_promotion(turn)) {
    return fmt::format("step {} is passed", step);
  }
  if (command.verb == "approve" || command.verb == "promote") {
    return "the candidate becomes the stable revision";
  }
  if (command.verb == "pause") {
    return fmt::format("the rollout stays in step {}", step);
  }
  if (command.verb == "resume") {
    return fmt::format("the rollout goes on in step {}", step);
  }
  return "the index starts this revision anew";
}

// Does what was accepted; true if it moved the rollout on.
bool obey(Turn& turn, const Command& command) {
  api::CanaryRolloutStatus& status = turn.status();
  Finding finding{
      .verdict = "Advanced",
      .reason = "Approved",
      .message = fmt::format("step {} approved by command {}", status.step_summary, command.id)};
  if (command.verb == "abort") {
    finding.verdict = "RolledBack";
    finding.reason = "Aborted";
    finding.message = "aborted by command " + command.id;
    roll_back(turn, finding);
    return true;
  }
  if (command.verb == "approve" && !awaits_promotion(turn)) {
    advance(turn, finding);
    return true;
  }
  if (status.phase == api::RolloutPhase::kWatching && command.verb == "promote") {
    conclude_promotion(turn, "PromotedByCommand", "its watch was ended by command " + command.id);
    return true;
  }
  if (command.verb == "approve" || command.verb == "promote") {
    finding.reason = "PromotedByCommand";
    finding.message = fmt::format("promoted in step {} by command {}: what was left is skipped",
                                  status.step_summary,
                                  command.id);
    record(turn, finding);
    promote(turn);
    return true;
  }
  if (command.verb == "pause") {
    if (!status.pause) {
      status.pause.emplace();
    }
    status.pause->command = command.id;
  } else if (command.verb == "resume") {
    status.pause->command.clear();
  }
  return false;  // Of a retry the index takes care.
}

}  // namespace

std::optional<Command> parse_command(std::string_view annotation) {
  const std::vector<std::string_view> words = words_of(annotation);
  if (words.empty()) {
    return std::nullopt;
  }
  Command command;
  command.verb = bounded(words[0], kNameMax);
  if (words.size() != 3) {
    command.id = bounded(annotation, kIdMax);
    command.problem = "a command is \"<verb> <revision>[:<step>] <id>\"";
    return command;
  }
  command.id = bounded(words[2], kIdMax);
  if (!take_step(words[1], command)) {
    command.problem = "what follows the colon is not a step's number, counted from 0";
  }
  return command;
}

bool handle_command(Turn& turn) {
  const auto command =
      parse_command(turn.seen.rollout.metadata.annotation(api::kCommandAnnotation));
  api::CanaryRolloutStatus& status = turn.status();
  const bool is_known = command && status.last_command && status.last_command->id == command->id &&
                        !is_planted(Mutant::kCommandRepeated);
  if (!command || is_known) {
    return false;
  }
  const std::string refusal = refuse_command(turn, *command);
  const bool is_refused = !refusal.empty();
  const std::string result =
      is_refused ? "refused: " + refusal : "accepted: " + what_happens(turn, *command);
  status.last_command = api::CommandRecord{.id = command->id,
                                           .verb = command->verb,
                                           .revision = command->revision,
                                           .result = bounded(result, kTextMax),
                                           .at = turn.second};
  announce(turn,
           is_refused,
           is_refused ? "CommandRefused" : "CommandAccepted",
           fmt::format("{} {}: {}", command->verb, command->revision, result));
  return !is_refused && !is_planted(Mutant::kCommandForgotten) && obey(turn, *command);
}

}  // namespace sluice::canary_rollout
