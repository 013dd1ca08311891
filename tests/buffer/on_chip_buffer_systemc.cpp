// The on-chip buffer as a TLM-2.0 target.
#include "models/buffer/on_chip_buffer.h"

#include <tlm_utils/simple_initiator_socket.h>

#include <catch2/catch.hpp>
#include <memory>

#include "models/tlm/elided_payload.h"
#include "models/tlm/memory_access.h"
#include "tests/platform/recording_memory.h"
#include "tests/support/base_protocol_checker.h"
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
    Payload nowhere(tlm::TLM_WRITE_COMMAND, 0, data);
    nowhere.set_data_ptr(nullptr);
    send(nowhere);
    Payload unknown(static_cast<tlm::tlm_command>(3), 0, data);
    send(unknown);
    Payload fits(tlm::TLM_READ_COMMAND, 0, contents);
    bench.ports->read->transport_dbg(fits);
  }));
  using tlm::TLM_ADDRESS_ERROR_RESPONSE;
  CHECK(answers == std::vector<tlm::tlm_response_status>{
                       TLM_ADDRESS_ERROR_RESPONSE, TLM_ADDRESS_ERROR_RESPONSE, TLM_ADDRESS_ERROR_RESPONSE,
                       TLM_ADDRESS_ERROR_RESPONSE, TLM_ADDRESS_ERROR_RESPONSE, tlm::TLM_BURST_ERROR_RESPONSE,
                       tlm::TLM_BURST_ERROR_RESPONSE, tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE,
                       tlm::TLM_GENERIC_ERROR_RESPONSE, tlm::TLM_COMMAND_ERROR_RESPONSE});
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

TEST_CASE("an on-chip buffer obeys the base protocol on both paths, and both sockets see the same bytes") {
  fresh_simulation();
  OnChipBuffer buffer("buffer", 64);
  Ports ports("ports");
  BaseProtocolOptions options;
  options.malformed_payloads = true;
  BaseProtocolChecker write_checker("write_checker", options), read_checker("read_checker", options);
  ports.write.bind(write_checker.target_socket);
  write_checker.initiator_socket.bind(buffer.write_port);
  ports.read.bind(read_checker.target_socket);
  read_checker.initiator_socket.bind(buffer.read_port);
  Driver driver("driver");
  ByteVector data(16, 0x5a), back(16), again(16);
  driver.body = [&] {
    sc_core::sc_time delay(3, sc_core::SC_NS);
    Payload write(tlm::TLM_WRITE_COMMAND, 8, data);
    ports.write->b_transport(write, delay);
    Payload read(tlm::TLM_READ_COMMAND, 8, back);
    ports.read->b_transport(read, delay);
    Payload outside(tlm::TLM_READ_COMMAND, 60, again);
    ports.read->b_transport(outside, delay);
    Payload ignored(tlm::TLM_IGNORE_COMMAND, 1000, again);
    ports.write->b_transport(ignored, delay);
    Payload same(tlm::TLM_READ_COMMAND, 8, again);
    ports.write->b_transport(same, delay);
    Payload debug(tlm::TLM_READ_COMMAND, 8, again);
    ports.read->transport_dbg(debug);
  };
  sc_core::sc_start();
  REQUIRE(driver.finished);
  CHECK(back == data);
  CHECK(again == data);
  CHECK(write_checker.finish() == std::vector<std::string>{});
  CHECK(read_checker.finish() == std::vector<std::string>{});
  CHECK(write_checker.counts().blocking == 3);
  CHECK(read_checker.counts().blocking == 2);
  CHECK(buffer.bytes_read() == 32);
  CHECK(buffer.bytes_written() == 16);
}

TEST_CASE("an on-chip buffer grants direct access to all of it, and to nothing beyond") {
  Bench bench(64);
  ByteVector data(16, 0x77), back(16);
  tlm::tlm_dmi inside, outside;
  bool granted = false, refused = false;
  std::vector<bool> hints;
  REQUIRE(bench.run([&] {
    Payload write(tlm::TLM_WRITE_COMMAND, 40, data);
    sc_core::sc_time delay;
    bench.ports->write->b_transport(write, delay);
    hints.push_back(write.is_dmi_allowed());
    Payload beyond(tlm::TLM_WRITE_COMMAND, 60, data);
    bench.ports->write->b_transport(beyond, delay);
    hints.push_back(beyond.is_dmi_allowed());
    Payload request(tlm::TLM_READ_COMMAND, 63, data);
    granted = bench.ports->read->get_direct_mem_ptr(request, inside);
    Payload far(tlm::TLM_READ_COMMAND, 64, data);
    refused = !bench.ports->write->get_direct_mem_ptr(far, outside);
    if (granted) inside.get_dmi_ptr()[41] = 0x11;
    Payload read(tlm::TLM_READ_COMMAND, 40, back);
    bench.ports->read->b_transport(read, delay);
  }));
  CHECK(hints == std::vector<bool>{true, false});
  REQUIRE(granted);
  CHECK(inside.get_start_address() == 0);
  CHECK(inside.get_end_address() == 63);
  CHECK(inside.is_read_write_allowed());
  CHECK(inside.get_read_latency() == sc_core::SC_ZERO_TIME);
  CHECK(inside.get_write_latency() == sc_core::SC_ZERO_TIME);
  CHECK(refused);
  CHECK(outside.get_start_address() == 64);
  data[1] = 0x11;
  CHECK(back == data);
  CHECK(bench.buffer->bytes_written() == 16);  // what passes by the sockets is not counted
}

TEST_CASE("debug accesses to an on-chip buffer without data or a command have no effect") {
  Bench bench(64);
  ByteVector data(8, 0x66), back(64, 0x22);
  std::vector<unsigned int> lengths;
  REQUIRE(bench.run([&] {
    Payload nowhere(tlm::TLM_WRITE_COMMAND, 0, data);
    nowhere.set_data_ptr(nullptr);
    lengths.push_back(bench.ports->write->transport_dbg(nowhere));
    Payload ignored(tlm::TLM_IGNORE_COMMAND, 0, data);
    lengths.push_back(bench.ports->write->transport_dbg(ignored));
    Payload read(tlm::TLM_READ_COMMAND, 0, back);
    lengths.push_back(bench.ports->read->transport_dbg(read));
  }));
  CHECK(lengths == std::vector<unsigned int>{0, 0, 64});
  CHECK(back == ByteVector(64, 0));
  CHECK(data == ByteVector(8, 0x66));
}
