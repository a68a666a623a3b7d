-- Wireshark dissector of MetalBond, version 1. `bunbond wireshark` has written this file from the tables of its own decoder.
--
--   Wireshark:  copy it into the folder of personal Lua plugins (Help, About Wireshark, Folders)
--   tshark:     tshark -X lua_script:metalbond.lua -r capture.pcap -Y metalbond
--
-- It dissects TCP on the port below, and other connections whose segments look like MetalBond. Useful filters:
--   metalbond.vni == 100        metalbond.type == 5         metalbond.destination.ipv4 == 10.0.1.0/24
--   metalbond.error             metalbond.error == "BAD_NAT_PORTS"

-- {{tables}}

local proto = Proto("metalbond", "MetalBond")

----------------------------------------------------------------------------------------------------
-- Fields

local fields = {
  version = ProtoField.uint8("metalbond.version", "Version"),
  length = ProtoField.uint16("metalbond.length", "Payload length"),
  type = ProtoField.uint8("metalbond.type", "Type", base.DEC, MESSAGE_TYPES),
  route = ProtoField.string("metalbond.route", "Route"),
  error = ProtoField.string("metalbond.error", "Error"),
  unknown = ProtoField.bytes("metalbond.unknown", "Unknown field"),
  skipped = ProtoField.bytes("metalbond.skipped", "Not dissected"),
}

local function make_field(spec)
  local name = "metalbond." .. spec.filter
  if spec.kind == "uint32" then
    fields[spec] = ProtoField.uint32(name, spec.label, base.DEC, spec.values)
  elseif spec.kind == "bool" then
    fields[spec] = ProtoField.bool(name, spec.label)
  elseif spec.kind == "bytes" then
    fields[spec] = ProtoField.bytes(name, spec.label)
  elseif spec.kind == "address" then
    spec.ipv4, spec.ipv6, spec.other = {}, {}, {}
    fields[spec.ipv4] = ProtoField.ipv4(name .. ".ipv4", spec.label)
    fields[spec.ipv6] = ProtoField.ipv6(name .. ".ipv6", spec.label)
    fields[spec.other] = ProtoField.bytes(name .. ".bytes", spec.label)
  elseif spec.kind == "message" then
    fields[spec] = ProtoField.none(name, spec.label)
  end
end

for _, message in pairs(MESSAGES) do
  for _, spec in pairs(message) do
    make_field(spec)
  end
end

-- Proto.fields takes a list.
local all_fields = {}
for _, field in pairs(fields) do
  all_fields[#all_fields + 1] = field
end
proto.fields = all_fields

local experts = {}
local all_experts = {}
for code, fault in pairs(ERRORS) do
  local severity = fault.closes and expert.severity.ERROR or expert.severity.WARN
  local filter = "metalbond.expert." .. code:lower()
  experts[code] = ProtoExpert.new(filter, code .. ": " .. fault.text, expert.group.PROTOCOL, severity)
  all_experts[#all_experts + 1] = experts[code]
end
proto.experts = all_experts

----------------------------------------------------------------------------------------------------
-- Protobuf. A fault is thrown as a table with its code; everything is called through pcall.

local function fail(code, reason)
  error({ code = code, reason = reason }, 0)
end

-- Returns the lower 32 bits of a varint, the rest (0 if there is none) and the offset after it.
local function read_varint(tvb, at, stop)
  local low, high, unit = 0, 0, 1
  for index = 0, 9 do
    if at + index >= stop then fail("MALFORMED_MESSAGE", "varint cut off") end
    local byte = tvb(at + index, 1):uint()
    local bits = byte % 128
    if index < 4 then
      low = low + bits * unit
    elseif index == 4 then
      low = low + (bits % 16) * unit
      high = math.floor(bits / 16)
    else
      high = high + bits * 2 ^ (7 * index - 32)
    end
    unit = unit * 128
    if byte < 128 then
      if index == 9 and bits > 1 then break end
      return low, high, at + index + 1
    end
  end
  fail("MALFORMED_MESSAGE", "varint over 64 bits")
end

local function read_key(tvb, at, stop)
  local key, high, after = read_varint(tvb, at, stop)
  if high ~= 0 then fail("MALFORMED_MESSAGE", "field number over 2^29-1") end
  if key < 8 then fail("MALFORMED_MESSAGE", "field number 0") end
  return key, after
end

local pass_group

-- Returns the offset after a value that is not looked at.
local function pass_value(tvb, key, at, stop)
  local wire_type = key % 8
  local after
  if wire_type == 0 then
    local _, _, next_at = read_varint(tvb, at, stop)
    after = next_at
  elseif wire_type == 1 then
    after = at + 8
  elseif wire_type == 2 then
    local length, high, start = read_varint(tvb, at, stop)
    if high ~= 0 then fail("MALFORMED_MESSAGE", "length beyond the end") end
    after = start + length
  elseif wire_type == 3 then
    after = pass_group(tvb, math.floor(key / 8), at, stop)
  elseif wire_type == 5 then
    after = at + 4
  else
    fail("MALFORMED_MESSAGE", wire_type == 4 and "end of a group that was not begun" or "unknown wire type")
  end
  if after > stop then fail("MALFORMED_MESSAGE", "length beyond the end") end
  return after
end

-- Groups nest at most as often as a payload has bytes.
pass_group = function(tvb, number, at, stop)
  while true do
    local key, after = read_key(tvb, at, stop)
    if key % 8 == 4 then
      if math.floor(key / 8) ~= number then fail("MALFORMED_MESSAGE", "end of another group") end
      return after
    end
    at = pass_value(tvb, key, after, stop)
  end
end

local function add_address(tree, spec, range)
  local kind = range:len() == 4 and spec.ipv4 or range:len() == 16 and spec.ipv6 or spec.other
  tree:add(fields[kind], range)
end

-- Reads the message from `at` up to `stop`: its values go to `values`, and to `tree` unless that is nil. Of a field that comes twice
-- the last one counts, and messages in it are merged.
local function read_message(tvb, at, stop, message, values, tree)
  while at < stop do
    local key, start = read_key(tvb, at, stop)
    local after = pass_value(tvb, key, start, stop)
    local spec = message[key]
    local range = tvb(at, after - at)
    if spec == nil then
      if tree then tree:add(fields.unknown, range) end
    elseif key % 8 == 0 then
      local low, high = read_varint(tvb, start, stop)
      if spec.kind == "bool" then
        values[spec.name] = low ~= 0 or high ~= 0
      else
        values[spec.name] = low
      end
      if tree then tree:add(fields[spec], range, values[spec.name]) end
    else
      local length, _, content = read_varint(tvb, start, stop)
      if spec.kind == "message" then
        values[spec.name] = values[spec.name] or {}
        local subtree = tree and tree:add(fields[spec], range)
        read_message(tvb, content, content + length, MESSAGES[spec.message], values[spec.name], subtree)
      else
        local bytes = {}
        for index = 0, length - 1 do
          bytes[index + 1] = tvb(content + index, 1):uint()
        end
        values[spec.name] = bytes
        if tree and length > 0 then
          if spec.kind == "address" then
            add_address(tree, spec, tvb(content, length))
          else
            tree:add(fields[spec], tvb(content, length))
          end
        end
      end
    end
    at = after
  end
end

----------------------------------------------------------------------------------------------------
-- Text of addresses and routes

local function masked(bytes, length_bits)
  local result = {}
  for index, byte in ipairs(bytes) do
    local kept = math.max(0, math.min(8, length_bits - 8 * (index - 1)))
    local unit = 2 ^ (8 - kept)
    result[index] = math.floor(byte / unit) * unit
  end
  return result
end

-- RFC 5952: the longest run of at least two zero groups, the first of equally long ones, is "::".
local function address_text(bytes)
  if #bytes == 4 then return string.format("%d.%d.%d.%d", bytes[1], bytes[2], bytes[3], bytes[4]) end
  local groups = {}
  for index = 1, 8 do
    groups[index] = bytes[2 * index - 1] * 256 + bytes[2 * index]
  end
  local run_start, run_length, zeros = 0, 1, 0
  for index = 1, 8 do
    zeros = groups[index] == 0 and zeros + 1 or 0
    if zeros > run_length then
      run_start, run_length = index - zeros + 1, zeros
    end
  end
  if run_start == 1 and run_length == 5 and groups[6] == 65535 then
    return "::ffff:" .. string.format("%d.%d.%d.%d", bytes[13], bytes[14], bytes[15], bytes[16])
  end
  local text = ""
  local index = 1
  while index <= 8 do
    if index == run_start then
      text = text .. "::"
      index = index + run_length
    else
      if text ~= "" and text:sub(-1) ~= ":" then text = text .. ":" end
      text = text .. string.format("%x", groups[index])
      index = index + 1
    end
  end
  return text
end

local function route_text(update)
  local destination, hop = update.destination, update.next_hop
  local prefix = address_text(masked(destination.prefix, destination.prefix_length))
  local text = string.format("%d %s/%d via %s", update.vni, prefix, destination.prefix_length, address_text(hop.address))
  if hop.type ~= 0 then text = text .. " type " .. SHORT_TYPES[hop.type] end
  if hop.nat_port_from ~= 0 or hop.nat_port_to ~= 0 then
    text = text .. string.format(" ports %d-%d", hop.nat_port_from, hop.nat_port_to)
  end
  if hop.target_vni ~= 0 then text = text .. string.format(" target-vni %d", hop.target_vni) end
  return text
end

----------------------------------------------------------------------------------------------------
-- Messages

-- Puts 0 where a number was left out, and no bytes where bytes were.
local function complete(values, message)
  for _, spec in pairs(message) do
    if values[spec.name] == nil then
      if spec.kind == "uint32" then values[spec.name] = 0 end
      if spec.kind == "bool" then values[spec.name] = false end
      if spec.kind == "address" or spec.kind == "bytes" then values[spec.name] = {} end
    elseif spec.kind == "message" then
      complete(values[spec.name], MESSAGES[spec.message])
    end
  end
end

-- Checks the values of an UPDATE in the order in which BunBond does.
local function check_update(update)
  local destination, hop = update.destination, update.next_hop
  if ACTIONS[update.action] == nil then fail("UNKNOWN_ACTION") end
  if destination == nil then fail("MISSING_DESTINATION") end
  if IP_VERSIONS[destination.ip_version] == nil then fail("BAD_IP_VERSION") end
  local address_bytes = destination.ip_version == IPV6 and 16 or 4
  if #destination.prefix ~= address_bytes then fail("BAD_ADDRESS_LENGTH") end
  if destination.prefix_length > 8 * address_bytes then fail("BAD_PREFIX_LENGTH") end
  if hop == nil then fail("MISSING_NEXT_HOP") end
  if #hop.address ~= 4 and #hop.address ~= 16 then fail("BAD_ADDRESS_LENGTH") end
  if NEXT_HOP_TYPES[hop.type] == nil then fail("UNKNOWN_NEXT_HOP_TYPE") end
  if hop.nat_port_to > MAX_PORT or hop.nat_port_from > hop.nat_port_to then fail("BAD_NAT_PORTS") end
end

-- Returns the text of the message in the frame at `at`, and the route if it is an UPDATE. Throws the fault in it.
local function read_frame(tvb, at, tree)
  local payload = at + HEADER_BYTES
  local stop = payload + tvb(at + 1, 2):uint()
  local name = MESSAGE_TYPES[tvb(at + 3, 1):uint()]
  local values = {}
  read_message(tvb, payload, stop, MESSAGES[name], values, tree)
  local end_of_rib = values.end_of_rib
  complete(values, MESSAGES[name])
  if name == "HELLO" then
    if values.keepalive_interval == 0 then fail("KEEPALIVE_INTERVAL_ZERO") end
    return string.format("HELLO %s keepalive %d s", values.is_server and "server" or "client", values.keepalive_interval)
  elseif name == "KEEPALIVE" then
    return end_of_rib and "KEEPALIVE End-of-RIB " .. string.format("%d", end_of_rib) or "KEEPALIVE"
  elseif name == "UPDATE" then
    check_update(values)
    local route = route_text(values)
    return "UPDATE " .. ACTIONS[values.action] .. " " .. route, route
  end
  return string.format("%s %d", name, values.vni)
end

-- Returns the code of what is wrong in a header, as far as its bytes are there; nil if nothing is.
local function header_fault(tvb, at)
  local available = tvb:len() - at
  if tvb(at, 1):uint() ~= VERSION then return "UNSUPPORTED_VERSION" end
  if available >= 3 and tvb(at + 1, 2):uint() > MAX_PAYLOAD_BYTES then return "PAYLOAD_TOO_LONG" end
  if available >= 4 and MESSAGE_TYPES[tvb(at + 3, 1):uint()] == nil then return "UNKNOWN_TYPE" end
  return nil
end

-- Returns the length of the frame at `at`, or nil if not all of it is there.
local function frame_bytes(tvb, at)
  local available = tvb:len() - at
  if available < HEADER_BYTES then return nil end
  local length = HEADER_BYTES + tvb(at + 1, 2):uint()
  return length <= available and length or nil
end

-- Returns true if a whole valid message is at `at`, and what follows it may be another one.
local function is_message(tvb, at)
  if header_fault(tvb, at) then return false end
  local length = frame_bytes(tvb, at)
  if length == nil or not pcall(read_frame, tvb, at, nil) then return false end
  return at + length == tvb:len() or header_fault(tvb, at + length) == nil
end

local function add_fault(tree, code, reason)
  tree:add(fields.error, code):set_generated()
  tree:add_proto_expert_info(experts[code], reason and ERRORS[code].text .. ": " .. reason or ERRORS[code].text)
end

local function dissect_frame(tvb, at, length, root)
  local tree = root:add(proto, tvb(at, length))
  tree:add(fields.version, tvb(at, 1))
  tree:add(fields.length, tvb(at + 1, 2))
  tree:add(fields.type, tvb(at + 3, 1))
  local ok, text, route = pcall(read_frame, tvb, at, tree)
  if ok then
    if route then tree:add(fields.route, route):set_generated() end
  elseif type(text) == "table" then
    add_fault(tree, text.code, text.reason)
    text = text.code
  else
    error(text, 0)
  end
  tree:append_text(", " .. text)
  return text
end

-- Dissects what is no message: from a faulty header on, up to the next place that holds a message.
local function dissect_fault(tvb, at, fault, root)
  local stop = at + 1
  while stop < tvb:len() and not is_message(tvb, stop) do
    stop = stop + 1
  end
  local tree = root:add(proto, tvb(at, stop - at), "MetalBond, " .. fault)
  add_fault(tree, fault)
  tree:add(fields.skipped, tvb(at, stop - at))
  return stop
end

----------------------------------------------------------------------------------------------------
-- Registration

function proto.dissector(tvb, pinfo, root)
  pinfo.cols.protocol = "MetalBond"
  local texts = {}
  local at = 0
  while at < tvb:len() do
    local fault = header_fault(tvb, at)
    if fault then
      texts[#texts + 1] = fault
      at = dissect_fault(tvb, at, fault, root)
    else
      local length = frame_bytes(tvb, at)
      if length == nil then
        -- A packet that was captured in part cannot be completed.
        if tvb:len() < tvb:reported_len() then break end
        pinfo.desegment_offset = at
        local available = tvb:len() - at
        if available < HEADER_BYTES then
          pinfo.desegment_len = DESEGMENT_ONE_MORE_SEGMENT
        else
          pinfo.desegment_len = HEADER_BYTES + tvb(at + 1, 2):uint() - available
        end
        break
      end
      texts[#texts + 1] = dissect_frame(tvb, at, length, root)
      at = at + length
    end
  end
  if #texts > 0 then
    local more = #texts > 4 and string.format(", and %d more", #texts - 4) or ""
    pinfo.cols.info = table.concat(texts, ", ", 1, math.min(4, #texts)) .. more
  end
  return tvb:len()
end

-- Takes a connection on another port if its segment consists of messages, of which the last one may be cut.
local function heuristic(tvb, pinfo, root)
  if tvb:len() < HEADER_BYTES or not is_message(tvb, 0) then return false end
  pinfo.conversation = proto
  proto.dissector(tvb, pinfo, root)
  return true
end

DissectorTable.get("tcp.port"):add(PORT, proto)
proto:register_heuristic("tcp", heuristic)
