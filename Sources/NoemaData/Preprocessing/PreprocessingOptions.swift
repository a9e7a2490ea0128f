/// How an image comes to the size of a network's input.
public enum ResizeMode: Sendable, Hashable {
  /// Not at all: images must have the size already, or be cropped to it.
  case none
  /// Stretched to the input's height and width, whatever the image's proportions.
  case exact
  /// The shorter side to a length, the other in proportion: torchvision's `Resize(length)`.
  case shorterSide(Int)
  /// The middle square of a fraction of the shorter side, stretched to the input's height and width: the
  /// recipe of EfficientNet, with 224 / 256 = 0.875 for inputs of 224.
  case centreSquare(fraction: Double)
}

/// Which channels a network expects, and in which order.
public enum ColorOrder: String, Sendable, CaseIterable {
  case rgb
  case bgr
  /// One channel.
  case grey

  /// Channels of an input.
  public var channelCount: Int { self == .grey ? 1 : 3 }
}

/// The order of an input tensor's axes behind the batch axis.
public enum TensorLayout: String, Sendable, CaseIterable {
  /// Channels, rows, columns (PyTorch).
  case nchw
  /// Rows, columns, channels (TensorFlow).
  case nhwc
}
