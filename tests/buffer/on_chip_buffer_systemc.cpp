// The on-chip buffer as a TLM-2.0 target.
#include "models/buffer/on_chip_buffer.h"

#include <tlm_utils/simple_initiator_socket.h>

#include <catch2/catch.hpp>
#include <memory>

#include "models/tlm/elided_payload.h"
#include "models/tlm/memory_access.h"
#include "tests/platform/recording_memory.h"
#include "tests/support/fresh_simulation.h"

using namespace dpred;
using namespace dpred::test;

namespace {

using ByteVector = std::vector<std::uint8_t>;

struct Ports : sc_core::sc_module {
  tlm_utils::simple_initiator_socket<Ports> write{"write"}, read{"read"};
  explicit Ports(const sc_core::sc_module_name& name) : sc_module(name) {}
};

struct Bench {
  std::unique_ptr<OnChipBuffer> buffer;
  std::unique_ptr<Ports> ports;
  std::unique_ptr<Driver> driver;

  explicit Bench(std::uint64_t capacity) {
    fresh_simulation();
    buffer = std::make_unique<OnChipBuffer>("buffer", capacity);
    ports = std::make_unique<Ports>("ports");
    driver = std::make_unique<Driver>("driver");
    ports->write.bind(buffer->write_port);
    ports->read.bind(buffer->read_port);
  }
  bool run(std::function<void()> body) {
    driver->body = std::move(body);
    sc_core::sc_start();
    return driver->finished;
  }
};

struct Payload : tlm::tlm_generic_payload {
  Payload(tlm::tlm_command command, std::uint64_t address, ByteVector& data) {
    set_command(command);
    set_address(address);
    set_data_ptr(data.data());
    set_data_length(static_cast<unsigned int>(data.size()));
    set_streaming_width(static_cast<unsigned int>(data.size()));
  }
};

}  // namespace

TEST_CASE("an on-chip buffer holds what is written and counts accesses, without delay") {
  Bench bench(100);
  ByteVector written(40);
  for (std::size_t i = 0; i < written.size(); ++i)
    written[i] = static_cast<std::uint8_t>(i + 1);
  ByteVector back(100);
  ByteVector untouched(7, 0xff);
  sc_core::sc_time delay(5, sc_core::SC_NS);
  REQUIRE(bench.run([&] {
    Payload write(tlm::TLM_WRITE_COMMAND, 60, written);
    bench.ports->write->b_transport(write, delay);
    Payload read(tlm::TLM_READ_COMMAND, 0, back);
    bench.ports->read->b_transport(read, delay);
    Payload ignored(tlm::TLM_IGNORE_COMMAND, 0, untouched);
    bench.ports->read->b_transport(ignored, delay);
    if (!ignored.is_response_ok()) back.clear();
  }));
  CHECK(delay == sc_core::sc_time(5, sc_core::SC_NS));
  ByteVector expected(100, 0);
  for (std::size_t i = 0; i < written.size(); ++i)
    expected[60 + i] = written[i];
  CHECK(back == expected);
  CHECK(untouched == ByteVector(7, 0xff));
  CHECK(bench.buffer->bytes_written() == 40);
  CHECK(bench.buffer->bytes_read() == 100);
}

TEST_CASE("an on-chip buffer answers illegal accesses with the error, and they have no effect") {
  Bench bench(64);
  ByteVector data(16, 0x11);
  ByteVector enables(16, 0xff);
  std::vector<tlm::tlm_response_status> answers;
  ByteVector contents(64, 0xee);
  REQUIRE(bench.run([&] {
    const auto send = [&](Payload& payload) {
      sc_core::sc_time delay;
      bench.ports->write->b_transport(payload, delay);
      answers.push_back(payload.get_response_status());
    };
    for (const std::uint64_t address :
         {std::uint64_t{49}, std::uint64_t{64}, ~std::uint64_t{0}, ~std::uint64_t{15}}) {
      Payload outside(tlm::TLM_WRITE_COMMAND, address, data);
      send(outside);
    }
    ByteVector large(65, 0x22);
    Payload too_large(tlm::TLM_WRITE_COMMAND, 0, large);
    send(too_large);
    Payload empty(tlm::TLM_WRITE_COMMAND, 0, data);
    empty.set_data_length(0);
    send(empty);
    Payload narrow(tlm::TLM_WRITE_COMMAND, 0, data);
    narrow.set_streaming_width(8);
    send(narrow);
    Payload enabled(tlm::TLM_WRITE_COMMAND, 0, data);
    enabled.set_byte_enable_ptr(enables.data());
    enabled.set_byte_enable_length(16);
    send(enabled);
    Payload fits(tlm::TLM_READ_COMMAND, 0, contents);
    bench.ports->read->transport_dbg(fits);
  }));
  using tlm::TLM_ADDRESS_ERROR_RESPONSE;
  CHECK(answers == std::vector<tlm::tlm_response_status>{
                       TLM_ADDRESS_ERROR_RESPONSE, TLM_ADDRESS_ERROR_RESPONSE, TLM_ADDRESS_ERROR_RESPONSE,
                       TLM_ADDRESS_ERROR_RESPONSE, TLM_ADDRESS_ERROR_RESPONSE, tlm::TLM_BURST_ERROR_RESPONSE,
                       tlm::TLM_BURST_ERROR_RESPONSE, tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE});
  CHECK(contents == ByteVector(64, 0));
  CHECK(bench.buffer->bytes_written() == 0);
}

TEST_CASE("elided accesses to an on-chip buffer are counted, not copied") {
  Bench bench(64);
  ByteVector data(10, 0x33);
  ByteVector back(10, 0x44);
  std::string error;
  REQUIRE(bench.run([&] {
    MemoryAccess access;
    access.transfer(bench.ports->write, tlm::TLM_WRITE_COMMAND, 54, data.data(), 10, true);
    access.transfer(bench.ports->read, tlm::TLM_READ_COMMAND, 54, back.data(), 10, true);
    try {
      access.transfer(bench.ports->write, tlm::TLM_WRITE_COMMAND, 55, data.data(), 10, true);
    } catch (const TransportError& failure) {
      error = failure.what();
    }
  }));
  CHECK(back == ByteVector(10, 0x44));
  CHECK(bench.buffer->bytes_written() == 10);
  CHECK(bench.buffer->bytes_read() == 10);
  CHECK(error == "ports.write: TLM_ADDRESS_ERROR_RESPONSE at address 55");
}

TEST_CASE("debug accesses to an on-chip buffer reach the part in range and are not counted") {
  Bench bench(64);
  ByteVector data(10, 0x55);
  std::vector<unsigned int> lengths;
  REQUIRE(bench.run([&] {
    for (const std::uint64_t address :
         {std::uint64_t{0}, std::uint64_t{60}, std::uint64_t{64}, ~std::uint64_t{0}}) {
      Payload write(tlm::TLM_WRITE_COMMAND, address, data);
      lengths.push_back(bench.ports->write->transport_dbg(write));
    }
  }));
  CHECK(lengths == std::vector<unsigned int>{10, 4, 0, 0});
  CHECK(bench.buffer->bytes_written() == 0);
}
