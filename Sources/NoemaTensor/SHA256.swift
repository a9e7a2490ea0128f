/// SHA-256, for naming models and data in results.
///
/// - Source: FIPS 180-4.
public enum SHA256 {
  private static let constants: [UInt32] = firstPrimes(64).map { fraction(of: $0, cubeRoot: true) }
  private static let start: [UInt32] = firstPrimes(8).map { fraction(of: $0, cubeRoot: false) }

  private static func firstPrimes(_ count: Int) -> [UInt64] {
    var primes: [UInt64] = []
    var candidate: UInt64 = 2
    while primes.count < count {
      if primes.allSatisfy({ candidate % $0 != 0 }) { primes.append(candidate) }
      candidate += 1
    }
    return primes
  }

  /// The first 32 bits of the fraction of a prime's square or cube root, by integer search.
  private static func fraction(of prime: UInt64, cubeRoot: Bool) -> UInt32 {
    // The largest r with r^k <= prime · 2^(32k); r's low 32 bits are the fraction.
    var low: UInt64 = 0
    var high: UInt64 = 1 << 37
    while high - low > 1 {
      let middle = (low + high) / 2
      let square = middle.multipliedFullWidth(by: middle)
      let fits: Bool
      if cubeRoot {
        // middle < 2^36 here, so middle² < 2^72 and middle³ < 2^108 fit 128 bits.
        let value = UInt128(middle) * UInt128(middle) * UInt128(middle)
        fits = value <= UInt128(prime) << 96
      } else {
        fits = UInt128(square.high) << 64 | UInt128(square.low) <= UInt128(prime) << 64
      }
      if fits { low = middle } else { high = middle }
    }
    return UInt32(truncatingIfNeeded: low)
  }

  /// The digest of some bytes, as 64 hexadecimal digits.
  public static func hexadecimal(of bytes: UnsafeRawBufferPointer) -> String {
    var state = start
    let whole = bytes.count / 64 * 64
    constants.withUnsafeBufferPointer { k in
      for block in stride(from: 0, to: whole, by: 64) {
        update(&state, UnsafeRawBufferPointer(rebasing: bytes[block..<block + 64]), k)
      }
      var tail = Array(bytes[whole...]) + [0x80]
      while tail.count % 64 != 56 { tail.append(0) }
      withUnsafeBytes(of: UInt64(bytes.count * 8).bigEndian) { tail.append(contentsOf: $0) }
      tail.withUnsafeBytes { tail in
        for block in stride(from: 0, to: tail.count, by: 64) {
          update(&state, UnsafeRawBufferPointer(rebasing: tail[block..<block + 64]), k)
        }
      }
    }
    let digits = Array("0123456789abcdef")
    return String(
      state.flatMap { word in
        (0..<8).map { digits[Int(word >> (28 - 4 * UInt32($0))) & 15] }
      })
  }

  private static func update(
    _ state: inout [UInt32], _ block: UnsafeRawBufferPointer, _ k: UnsafeBufferPointer<UInt32>
  ) {
    func rotate(_ x: UInt32, _ n: UInt32) -> UInt32 { (x >> n) | (x << (32 - n)) }
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 64) { w in
      for i in 0..<16 {
        w[i] = UInt32(bigEndian: block.loadUnaligned(fromByteOffset: 4 * i, as: UInt32.self))
      }
      for i in 16..<64 {
        let a = w[i - 15], b = w[i - 2]
        let s0 = rotate(a, 7) ^ rotate(a, 18) ^ (a >> 3)
        let s1 = rotate(b, 17) ^ rotate(b, 19) ^ (b >> 10)
        w[i] = w[i - 16] &+ s0 &+ w[i - 7] &+ s1
      }
      var (a, b, c, d) = (state[0], state[1], state[2], state[3])
      var (e, f, g, h) = (state[4], state[5], state[6], state[7])
      for i in 0..<64 {
        let s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)
        let t1 = h &+ s1 &+ ((e & f) ^ (~e & g)) &+ k[i] &+ w[i]
        let s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)
        let t2 = s0 &+ ((a & b) ^ (a & c) ^ (b & c))
        (h, g, f, e, d, c, b, a) = (g, f, e, d &+ t1, c, b, a, t1 &+ t2)
      }
      for (i, word) in [a, b, c, d, e, f, g, h].enumerated() { state[i] &+= word }
    }
  }
}
