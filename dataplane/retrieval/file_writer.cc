#include "dataplane/retrieval/file_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>

#include "base/check.h"

namespace sluice::retrieval {
namespace {

constexpr std::size_t kBufferBytes = 1024 * 1024;

// Unlike that of any other process that may write the same file at the same time: on a shared
// volume these are in several pods, where each has process 1. The same after a restart in one pod,
// so that what a killed process left is written over.
std::string name_of_writer() {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) {
    host[0] = '\0';
  }
  return std::string(host.data()) + "." + std::to_string(::getpid());
}

}  // namespace

FileWriter::FileWriter(std::string path)
    : path_(std::move(path)), partial_path_(path_ + ".partial." + name_of_writer()) {}

FileWriter::FileWriter(FileWriter&& other) noexcept
    : path_(std::move(other.path_)),
      partial_path_(std::move(other.partial_path_)),
      file_(std::exchange(other.file_, -1)),
      size_(other.size_),
      buffer_(std::move(other.buffer_)) {}

FileWriter::~FileWriter() {
  if (file_ >= 0) {
    ::close(file_);
    ::unlink(partial_path_.c_str());
  }
}

tl::unexpected<Error> FileWriter::failed(std::string_view what) const {
  const int cause = errno;
  std::string message = std::string(what) + " " + path_ + ": " + std::strerror(cause);
  if (cause == ENOSPC || cause == EDQUOT) {
    message = "the disk is full while writing " + path_;
  }
  return fail(ErrorCode::kUnavailable, std::move(message));
}

Result<FileWriter> FileWriter::create(const std::string& path) {
  FileWriter writer(path);
  writer.file_ =
      ::open(writer.partial_path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (writer.file_ < 0) {
    return writer.failed("cannot write");
  }
  return writer;
}

Status FileWriter::append(std::string_view bytes) {
  if (buffer_.size() + bytes.size() > kBufferBytes) {
    if (Status flushed = flush(); !flushed) {
      return flushed;
    }
  }
  if (bytes.size() < kBufferBytes) {
    buffer_.append(bytes);
    return {};
  }
  if (Status written = write_at(size_, bytes); !written) {
    return written;
  }
  size_ += bytes.size();
  return {};
}

Status FileWriter::flush() {
  if (Status written = write_at(size_, buffer_); !written) {
    return written;
  }
  size_ += buffer_.size();
  buffer_.clear();
  return {};
}

Status FileWriter::write_at(std::uint64_t offset, std::string_view bytes) {
  CHECK(file_ >= 0);
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(file_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n <= 0) {
      return failed("cannot write");
    }
    bytes.remove_prefix(static_cast<std::size_t>(n));
    offset += static_cast<std::uint64_t>(n);
  }
  return {};
}

Status FileWriter::overwrite(std::uint64_t offset, std::string_view bytes) {
  if (Status flushed = flush(); !flushed) {
    return flushed;
  }
  CHECK(offset + bytes.size() <= size_);
  return write_at(offset, bytes);
}

Status FileWriter::publish() {
  if (Status flushed = flush(); !flushed) {
    return flushed;
  }
  if (::fsync(file_) != 0) {
    return failed("cannot write");
  }
  if (::rename(partial_path_.c_str(), path_.c_str()) != 0) {
    return failed("cannot publish");
  }
  ::close(std::exchange(file_, -1));
  // The new name is durable only with its directory; where that cannot be opened, the rename holds
  // all the same until a power cut.
  const std::filesystem::path folder = std::filesystem::path(path_).parent_path();
  const int directory =
      ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory >= 0) {
    ::fsync(directory);
    ::close(directory);
  }
  return {};
}

}  // namespace sluice::retrieval
