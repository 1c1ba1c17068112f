#include "dataplane/retrieval/searcher.h"

#include <algorithm>
#include <optional>

#include "base/check.h"

namespace sluice::retrieval {
namespace {

constexpr std::size_t kBlock = 64;  // Chunks that are looked at together.

// Whether `a` is the better hit.
bool is_better(const Hit& a, const Hit& b) {
  return a.score != b.score ? a.score > b.score : a.document < b.document;
}

std::string known_fields(std::span<const KeywordColumn> columns) {
  std::string names;
  for (const KeywordColumn& column : columns) {
    names += (names.empty() ? "" : ", ") + column.name;
  }
  return names.empty() ? "it has none" : "it has " + names;
}

}  // namespace

Searcher::Searcher(const Index& index, Analyzer analyzer)
    : index_(&index),
      analyzer_(std::move(analyzer)),
      stored_(index.file()),
      scores_(index.file().chunks().size()) {}

Result<Searcher> Searcher::create(const Index& index) {
  Result<Analyzer> analyzer = Analyzer::create(index.manifest().analyzer, index.word_rules());
  if (!analyzer) {
    return fail(analyzer.error());
  }
  return Searcher(index, *std::move(analyzer));
}

Result<const std::vector<Hit>*> Searcher::search(const Query& query) {
  CHECK(query.top_k > 0);
  hits_.clear();
  if (Status selected = select(query.filter); !selected) {
    return fail(selected.error());
  }
  analyze(query.text);
  std::fill(scores_.begin(), scores_.end(), 0.0F);
  for (QueryTerm& term : terms_) {
    if (index_->manifest().scoring.mode == RetrievalMode::kBm25) {
      score_bm25(term);
    } else {
      score_tfidf(term);
    }
  }
  collect(query.top_k);
  return &hits_;
}

void Searcher::analyze(std::string_view text) {
  terms_.clear();
  analyzer_.analyze(text, [this](std::string_view term) {
    const auto same = std::find_if(terms_.begin(), terms_.end(), [term](const QueryTerm& known) {
      return known.term == term;
    });
    if (same != terms_.end()) {
      ++same->count;
    } else {
      terms_.push_back({.term = std::string(term), .count = 1});
    }
  });
}

// Marks the documents that pass the filter, before anything is scored.
Status Searcher::select(const std::vector<KeywordFilter>& filter) {
  passes_.clear();
  if (filter.empty()) {
    return {};
  }
  const auto columns = index_->file().columns();
  passes_.assign(index_->file().documents(), 1);
  for (const KeywordFilter& wanted : filter) {
    const auto column = std::find_if(columns.begin(), columns.end(), [&](const auto& candidate) {
      return candidate.name == wanted.field;
    });
    if (column == columns.end()) {
      return fail(
          ErrorCode::kInvalid,
          "the index has no filter field \"" + wanted.field + "\" (" + known_fields(columns) + ")");
    }
    std::vector<std::uint8_t> is_wanted(column->value_ends.size(), 0);
    for (const std::string& value : wanted.any_of) {
      if (const std::optional<std::uint32_t> code = column->code_of(value)) {
        is_wanted[*code] = 1;
      }
    }
    for (std::uint32_t document = 0; document < passes_.size(); ++document) {
      const auto codes = column->codes_of(document);
      const bool has_one = std::any_of(
          codes.begin(), codes.end(), [&](std::uint32_t code) { return is_wanted[code] != 0; });
      passes_[document] = passes_[document] != 0 && has_one ? 1 : 0;
    }
  }
  return {};
}

void Searcher::score_bm25(QueryTerm& term) {
  const std::span<const Posting> postings = index_->file().find(term.term);
  term.chunks = static_cast<std::uint32_t>(postings.size());
  const float weight = index_->idf(postings.size()) * static_cast<float>(term.count);
  const float* norms = index_->norms().data();
  float* scores = scores_.data();
  for (const Posting& posting : postings) {
    const auto count = static_cast<float>(posting.count);
    scores[posting.chunk] += weight * count / (count + norms[posting.chunk]);
  }
}

// Cosine, less the query's own length: that is the same for all documents.
void Searcher::score_tfidf(QueryTerm& term) {
  const std::span<const Posting> postings = index_->file().find(term.term);
  term.chunks = static_cast<std::uint32_t>(postings.size());
  const float idf = index_->idf(postings.size());
  const float weight = idf * idf * tfidf_weight(term.count);
  const float* norms = index_->norms().data();
  for (const Posting& posting : postings) {
    scores_[posting.chunk] += weight * tfidf_weight(posting.count) * norms[posting.chunk];
  }
}

void Searcher::offer(const Hit& hit, std::uint32_t top_k) {
  if (hits_.size() == top_k) {
    if (!is_better(hit, hits_.front())) {
      return;
    }
    std::pop_heap(hits_.begin(), hits_.end(), is_better);
    hits_.pop_back();
  }
  hits_.push_back(hit);
  std::push_heap(hits_.begin(), hits_.end(), is_better);
}

// A heap with the worst of the best in front; whole blocks below it are passed over. A document's
// chunks come one behind the other, so its best one is known when the next document begins.
void Searcher::collect(std::uint32_t top_k) {
  const std::span<const ChunkEntry> chunks = index_->file().chunks();
  std::optional<Hit> current;
  float least = 0;  // A hit must be above it.
  for (std::size_t begin = 0; begin < scores_.size(); begin += kBlock) {
    const std::size_t end = std::min(begin + kBlock, scores_.size());
    float best = 0;
    for (std::size_t i = begin; i < end; ++i) {
      best = scores_[i] > best ? scores_[i] : best;
    }
    if (best <= least) {
      continue;
    }
    for (std::size_t i = begin; i < end; ++i) {
      const std::uint32_t document = chunks[i].document;
      if (scores_[i] <= least || (!passes_.empty() && passes_[document] == 0)) {
        continue;
      }
      const Hit hit{
          .document = document, .chunk = static_cast<std::uint32_t>(i), .score = scores_[i]};
      if (current && current->document == document) {
        current = hit.score > current->score ? hit : *current;
        continue;
      }
      if (current) {
        offer(*current, top_k);
        least = hits_.size() == top_k ? hits_.front().score : 0;
      }
      current = hit;
    }
  }
  if (current) {
    offer(*current, top_k);
  }
  std::sort_heap(hits_.begin(), hits_.end(), is_better);
}

Result<StoredDocument> Searcher::fetch(const Hit& hit) {
  Result<StoredDocument> document = stored_.read(hit.document);
  if (!document) {
    return document;
  }
  const ChunkEntry& chunk = index_->file().chunks()[hit.chunk];
  if (chunk.end > document->text.size()) {
    return fail(ErrorCode::kInvalid, "a chunk names text that is not there");
  }
  document->text = document->text.substr(chunk.begin, chunk.end - chunk.begin);
  return document;
}

}  // namespace sluice::retrieval
