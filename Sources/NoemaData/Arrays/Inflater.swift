internal import CZlib

/// Unpacks DEFLATE streams, never more than was asked for.
struct Inflater: ~Copyable {
  /// What surrounds the stream.
  enum Wrapping: Int32 {
    /// Nothing, as in zip archives.
    case none = -15
    /// A gzip header and checksum.
    case gzip = 31
  }

  /// No DEFLATE stream unpacks to more than 1,032 times its size: a larger claim is a lie.
  private static let maximumRatio = 1032
  /// What more than 64 MiB of real data may unpack to, times its packed size; beyond it is a bomb.
  private static let usualRatio = 250

  /// Whether packed bytes may claim to unpack to so many.
  static func accepts(_ byteCount: Int, from packedCount: Int) -> Bool {
    byteCount / (byteCount > 64 << 20 ? usualRatio : maximumRatio) <= packedCount
  }

  /// The file, for messages.
  private let place: String
  private let input: [UInt8]
  private var inputRange: Range<Int>
  private var stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
  private let wrapping: Wrapping
  private var isAtEnd = false

  /// Prepares to unpack a part of some bytes.
  ///
  /// - Throws: `DataError` when zlib has no memory.
  init(_ input: [UInt8], range: Range<Int>, wrapping: Wrapping, place: String) throws(DataError) {
    self.input = input
    self.place = place
    self.wrapping = wrapping
    inputRange = range
    stream.initialize(to: z_stream())
    let status = inflateInit2_(stream, wrapping.rawValue, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    guard status == Z_OK else {
      throw DataError(.ioFailure(operation: "prepare zlib", reason: "status \(status)"), at: place)
    }
  }

  deinit {
    inflateEnd(stream)
    stream.deallocate()
  }

  /// The bytes of the input not yet used.
  var unusedByteCount: Int { inputRange.count }

  /// Unpacks the next bytes.
  ///
  /// - Throws: `DataError` when the stream is damaged or ends before.
  mutating func read(into output: UnsafeMutableRawBufferPointer) throws(DataError) {
    let count = try unpack(into: output)
    guard count == output.count else {
      throw DataError(.malformed("the packed data end after \(count) of \(output.count) bytes"), at: place)
    }
  }

  /// Unpacks the next bytes.
  ///
  /// - Throws: `DataError` when the stream is damaged or ends before.
  mutating func bytes(count: Int) throws(DataError) -> [UInt8] {
    var result = [UInt8](repeating: 0, count: count)
    var failure: DataError?
    result.withUnsafeMutableBytes { buffer in
      do throws(DataError) { try read(into: buffer) } catch { failure = error }
    }
    if let failure { throw failure }
    return result
  }

  /// Checks that nothing follows what was read, so that the checksum of the wrapping has been compared too.
  ///
  /// - Throws: `DataError` when more data follow or the stream is damaged.
  mutating func finish() throws(DataError) {
    var extra: UInt8 = 0
    let count = try withUnsafeMutableBytes(of: &extra) { buffer throws(DataError) in
      try unpack(into: buffer)
    }
    guard count == 0 else {
      throw DataError(.malformed("more data follow than the header declares"), at: place)
    }
    guard isAtEnd else { throw DataError(.malformed("the packed data are cut short"), at: place) }
  }

  private mutating func unpack(into output: UnsafeMutableRawBufferPointer) throws(DataError) -> Int {
    var done = 0
    while done < output.count {
      if isAtEnd {
        // gzip files may be joined end to end; zip members may not.
        guard wrapping == .gzip, !inputRange.isEmpty, inflateReset(stream) == Z_OK else { break }
        isAtEnd = false
      }
      let used = try step(output, &done)
      if used == 0 { break }
    }
    return done
  }

  /// One call of zlib; returns how many bytes went in or came out.
  private mutating func step(
    _ output: UnsafeMutableRawBufferPointer, _ done: inout Int
  ) throws(DataError) -> Int {
    let inputCount = min(inputRange.count, 1 << 30)
    let outputCount = min(output.count - done, 1 << 30)
    let status = input.withUnsafeBufferPointer { buffer -> Int32 in
      stream.pointee.next_in = buffer.baseAddress.map {
        UnsafeMutablePointer(mutating: $0 + inputRange.lowerBound)
      }
      stream.pointee.avail_in = UInt32(inputCount)
      stream.pointee.next_out = output.baseAddress!.assumingMemoryBound(to: UInt8.self) + done
      stream.pointee.avail_out = UInt32(outputCount)
      defer { stream.pointee.next_in = nil }
      return inflate(stream, Z_NO_FLUSH)
    }
    let consumed = inputCount - Int(stream.pointee.avail_in)
    let produced = outputCount - Int(stream.pointee.avail_out)
    inputRange = inputRange.lowerBound + consumed..<inputRange.upperBound
    done += produced
    switch status {
    case Z_OK, Z_BUF_ERROR: return consumed + produced
    case Z_STREAM_END:
      isAtEnd = true
      return max(consumed + produced, 1)
    default:
      let reason = stream.pointee.msg.map { String(cString: $0) } ?? "status \(status)"
      throw DataError(.malformed("the packed data are damaged (\(reason))"), at: place)
    }
  }
}
