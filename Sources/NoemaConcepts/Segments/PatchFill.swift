public import NoemaData

/// What stands at the positions of a patch that do not belong to its segment.
public enum PatchFill: Sendable, Hashable, Codable {
  /// A value for each channel, or one for all, in the units that the network takes: a colour, a token that masks.
  case values([Float])
  /// A value for each value of the example: means of the columns of a table, an image.
  case example([Float])
  /// The example's own mean, channel by channel.
  case mean
  /// The segment's own values, spread by a Gaussian of this standard deviation in positions; beyond its reach
  /// their mean.
  case spread(sigma: Double)

  /// The grey of byte 117, which ACE takes, in the units of a network's images.
  ///
  /// - Parameter byte: another grey, from 0 to 255.
  public static func grey(_ byte: Double = 117, in units: Preprocessing) -> PatchFill {
    func value(_ values: [Float], _ channel: Int, default missing: Float) -> Double {
      Double(values.isEmpty ? missing : values[min(channel, values.count - 1)])
    }
    return .values(
      (0..<units.colorOrder.channelCount).map { channel in
        let (mean, std) = (value(units.mean, channel, default: 0), value(units.std, channel, default: 1))
        return Float((byte * units.scale - mean) / std)
      })
  }

  /// Refuses settings that do not fit examples.
  ///
  /// - Throws: `ConceptError.parameters`.
  func validate(_ layout: ExampleLayout) throws(ConceptError) {
    switch self {
    case .values(let values):
      guard values.count == 1 || values.count == layout.channels, values.allSatisfy(\.isFinite) else {
        throw ConceptError(
          .parameters(
            "what fills patches is 1 finite value, or \(layout.channels) for the channels, found \(values)"))
      }
    case .example(let values):
      guard values.count == layout.valueCount, values.allSatisfy(\.isFinite) else {
        throw ConceptError(
          .parameters(
            "an example that fills patches has \(layout.valueCount) finite values, found \(values.count) values"
          ))
      }
    case .spread(let sigma):
      guard sigma > 0, sigma < 1000 else {
        throw ConceptError(
          .parameters("values spread by more than 0 and less than 1000 positions, found \(sigma)"))
      }
    case .mean: break
    }
  }
}
