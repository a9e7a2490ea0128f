internal import NoemaTensor

/// Damage to the bytes of a file.
enum ByteMutation {
  static func apply(to bytes: inout [UInt8], _ random: inout RandomNumbers) {
    guard !bytes.isEmpty else { return }
    let at = random.index(below: bytes.count)
    let length = 1 + random.index(below: min(bytes.count - at, 32))
    switch random.index(below: 8) {
    case 0: bytes[at] ^= 1 << UInt8(random.index(below: 8))
    case 1, 2: bytes[at] = UInt8(random.index(below: 256))
    case 3: bytes[at] = random.pick([0, 1, 0x7F, 0x80, 0xFF])
    case 4: bytes.removeSubrange(at..<at + length)
    case 5: bytes.insert(contentsOf: bytes[at..<at + length], at: random.index(below: bytes.count))
    case 6: bytes.insert(contentsOf: (0..<length).map { _ in UInt8(random.index(below: 256)) }, at: at)
    default: if random.index(below: 8) == 0 { bytes.removeSubrange(at...) }
    }
  }
}
