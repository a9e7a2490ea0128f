// Written by scripts/golden/resize.py with Pillow 13.0.0.

import NoemaData

/// What Pillow makes of noise: every byte of small images, a hash of larger ones.
enum ResizeGoldens {
  static let bytes: [ResizeCase: String] = [
    ResizeCase(13, 17, 3, 5, 7, .nearest): """
      /wAA//8AAP8AVfg8YW/81kzGSKyXzszpXxJyv0QL/wD/AP///wD/i2FGXV5cAbcFKkko6Hl8GnfyO1PVAP///wAA/wD///8A\
      AAD/D0cJAHMkMWnAWu9qpN9P/wAAAP////////8A/wAA
      """,
    ResizeCase(13, 17, 3, 5, 7, .box): """
      qoCAwMDAqlVVlagRejuFk1itlZ9ugnSiuZR1xqJ71arVQICAqidj0YOIoIxzi5R7XlaImpF4Y3+oglWlVdVV/4DAp0adzrxs\
      QmKDVY9qi3xQPYq6eX5XhYSPqoBVQMDAjpuKvq54hHV1
      """,
    ResizeCase(13, 17, 3, 5, 7, .bilinear): """
      o4eNpJ+VlGRRjIhLiW6AoGOhj4V6jXuiq3N+wYx5uYG8h3l7nFWKqoqIqI5vfZV4dWZylImAcJClglWmbsRzrYummmKom4mA\
      VmmAXpFUc4hvV4aneI55fYN1iIVVcKOei6CasJtpkGR1
      """,
    ResizeCase(13, 17, 3, 5, 7, .hamming): """
      tYOBqKydjGNGkJs5g16HpVauj498j4q3r29+x4p5yIDLbYKBnzuKtIaGqJBigJ5oZFxxk455XYuyh0mnas1oyYeum06lrpt3\
      SmeBVIFadX1UQIywapBygYZzjX5EYrKwmKaXu6poiFd4
      """,
    ResizeCase(13, 17, 3, 5, 7, .bicubic): """
      nomTpqmelVhJh4tDhmmDnl6hjIhxh3qsrXV/ypZ6woW+gnl6oEmDqIuPqJFsfJZ8cFtwmpR4apOrhUqsaMlpt42woFarno5/\
      SmiAWJJQcIhmTIiydo12gIZ3joJRcKSkh5+auptjjmF3
      """,
    ResizeCase(13, 17, 3, 5, 7, .lanczos): """
      loqZpq6jmVNEgIlAhW2Gm1+biodrg3iyrHV9z5x8xYi8hXZ3oUZ/oo6ZqI9ndZSEcVdxoJxzaZWphkSwasdmto63pE6smY1+\
      RWqCVpVGboxmTIe5dpBzg4d3kH9VcqGigaCfwpVdkGB3
      """,
    ResizeCase(9, 6, 1, 11, 13, .nearest): """
      //8AAAD//wAAAP///wAAAP//AAAA////////AAAAAP8A//////8AAAAA/wD/AAAA/wAAAAAAAP8AAAD/AAAAAAAAAP///wAA\
      AP//AP8A////AAAA//8A/wD///8AAAD//wD//wAAAP8A/wAAAP//AAAA/wD/AAAA////AAAA//8AAAAA//8AAAD//wAAAAA=
      """,
    ResizeCase(9, 6, 1, 11, 13, .box): """
      //8AAAD//wAAAP///wAAAP//AAAA////////AAAAAP8A//////8AAAAA/wD/AAAA/wAAAAAAAP8AAAD/AAAAAAAAAP///wAA\
      AP//AP8A////AAAA//8A/wD///8AAAD//wD//wAAAP8A/wAAAP//AAAA/wD/AAAA////AAAA//8AAAAA//8AAAD//wAAAAA=
      """,
    ResizeCase(9, 6, 1, 11, 13, .bilinear): """
      //90AC7//10ARv///48xTc7OSxZczv//z6eZWFggTJFY/+ri7NEAAABnpAD/lGyi0QAAADFOAPVKCmDJAAAGBQMKgICAgGkA\
      AFFGI4AKtfWfCAAAnIZD9WyIk4VYAFiFUEb/4lMdZbkAuWUQRv//hig9mVjhXQAup//bXhJNzvZdAA0x//90AC7//10AAAA=
      """,
    ResizeCase(9, 6, 1, 11, 13, .hamming): """
      //9lAAn//zcAGf///2sKE/X1NQQh9f//4s/KMDAKUsAw//z7/PYAAABk4wD/ZFN49gAAACFLAP4aATf1AAABAQABgICAgHsA\
      AGRNDYAB5f7IAQAAx5kZ/lOjrJlQAFCZaBn/+xwEOfIA8jkCGf//RBMtyjD4NwAUz//2YQIT9f83AAEK//9lAAn//zcAAAA=
      """,
    ResizeCase(9, 6, 1, 11, 13, .bicubic): """
      //9kABH//10AMf///4glO9zcSRNW3P//4bSdVlYdXa9W//Dw/ugAAAB6yAD/hFyo/wAAADBZAPk+AV7nAAAEAQAFcHyAf2gA\
      AGRKCIABv/6qAQAAu5As+lWLpJZYAF2lYTv/6kEQad8A1mgMQf//dxQ6tlb/VQArqf/jXgxA3P9VAAkj//97ABD//1QAAAA=
      """,
    ResizeCase(9, 6, 1, 11, 13, .lanczos): """
      +vhZABL//2cANf/7/5MqQdvbThtq3Pb/6rGRXl4nbrll/+3m//IAAACKyQD/hkzD/wAAADVfAPZOAnDnAgALAAAIY3uAdlgM\
      AHVDAIABsP2fAAIAzIwj90eFsqlTAFfJa0r/40wUh9kAzogQU///gwlGv17/WwA4mv/iWQ9P2/9TABMj8P+PAAf/+lAGAAA=
      """,
  ]

  static let hashes: [ResizeCase: UInt64] = [
    ResizeCase(13, 17, 3, 31, 29, .nearest): 0xCA721B146DEC6D55,
    ResizeCase(13, 17, 3, 31, 29, .box): 0xCA721B146DEC6D55,
    ResizeCase(13, 17, 3, 31, 29, .bilinear): 0xF22699A58470AAEE,
    ResizeCase(13, 17, 3, 31, 29, .hamming): 0x6430C2155A176950,
    ResizeCase(13, 17, 3, 31, 29, .bicubic): 0x231B0D5FBF8563EA,
    ResizeCase(13, 17, 3, 31, 29, .lanczos): 0xFEFDCC82943B6914,
    ResizeCase(23, 9, 1, 10, 40, .nearest): 0x1CB8347DFDB99DA1,
    ResizeCase(23, 9, 1, 10, 40, .box): 0xD565578B1BBA6854,
    ResizeCase(23, 9, 1, 10, 40, .bilinear): 0x0A70A3D3FB6C825A,
    ResizeCase(23, 9, 1, 10, 40, .hamming): 0x4F2B585EF16A15E9,
    ResizeCase(23, 9, 1, 10, 40, .bicubic): 0x2452DD9F1B54057F,
    ResizeCase(23, 9, 1, 10, 40, .lanczos): 0x3286239F08F9E944,
    ResizeCase(64, 48, 3, 17, 48, .nearest): 0xEB6C38A8AC66ADFD,
    ResizeCase(64, 48, 3, 17, 48, .box): 0x7E578FB079E8FD94,
    ResizeCase(64, 48, 3, 17, 48, .bilinear): 0x9D3B67C2591355E6,
    ResizeCase(64, 48, 3, 17, 48, .hamming): 0xAA37F83297605423,
    ResizeCase(64, 48, 3, 17, 48, .bicubic): 0x97C5379747CD7435,
    ResizeCase(64, 48, 3, 17, 48, .lanczos): 0x4DECF229E16B0445,
    ResizeCase(64, 48, 3, 64, 5, .nearest): 0xE49918A6988E4303,
    ResizeCase(64, 48, 3, 64, 5, .box): 0x14E44C849ACB74D6,
    ResizeCase(64, 48, 3, 64, 5, .bilinear): 0xB736E1C948688AD5,
    ResizeCase(64, 48, 3, 64, 5, .hamming): 0x2A72BA35557823E7,
    ResizeCase(64, 48, 3, 64, 5, .bicubic): 0x135BE9CF19759045,
    ResizeCase(64, 48, 3, 64, 5, .lanczos): 0x8D8D25AB0B107E8C,
    ResizeCase(101, 77, 3, 1, 1, .nearest): 0x7F1CED18CA530D91,
    ResizeCase(101, 77, 3, 1, 1, .box): 0x2FBD371AE17F7F16,
    ResizeCase(101, 77, 3, 1, 1, .bilinear): 0x2D34371ADF582FAD,
    ResizeCase(101, 77, 3, 1, 1, .hamming): 0x2D34361ADF582DFA,
    ResizeCase(101, 77, 3, 1, 1, .bicubic): 0x2D34371ADF582FAD,
    ResizeCase(101, 77, 3, 1, 1, .lanczos): 0x2D34371ADF582FAD,
    ResizeCase(1, 1, 3, 4, 3, .nearest): 0xC7711968B780B1B1,
    ResizeCase(1, 1, 3, 4, 3, .box): 0xC7711968B780B1B1,
    ResizeCase(1, 1, 3, 4, 3, .bilinear): 0xC7711968B780B1B1,
    ResizeCase(1, 1, 3, 4, 3, .hamming): 0xC7711968B780B1B1,
    ResizeCase(1, 1, 3, 4, 3, .bicubic): 0xC7711968B780B1B1,
    ResizeCase(1, 1, 3, 4, 3, .lanczos): 0xC7711968B780B1B1,
    ResizeCase(3, 200, 1, 7, 3, .nearest): 0xB983E7CDCDA7F445,
    ResizeCase(3, 200, 1, 7, 3, .box): 0x659F5FF5E67CED37,
    ResizeCase(3, 200, 1, 7, 3, .bilinear): 0x6331C56C295E7304,
    ResizeCase(3, 200, 1, 7, 3, .hamming): 0xB71A6C823C896DDF,
    ResizeCase(3, 200, 1, 7, 3, .bicubic): 0x0699E90028643344,
    ResizeCase(3, 200, 1, 7, 3, .lanczos): 0x48DE1B078E3712D5,
    ResizeCase(255, 129, 3, 224, 224, .nearest): 0xB27B3ACA55B8B25D,
    ResizeCase(255, 129, 3, 224, 224, .box): 0xF56FB146C7D08EB0,
    ResizeCase(255, 129, 3, 224, 224, .bilinear): 0x58C15A191460B7FA,
    ResizeCase(255, 129, 3, 224, 224, .hamming): 0x4D32944D47CB8541,
    ResizeCase(255, 129, 3, 224, 224, .bicubic): 0x0777AAF76A95829E,
    ResizeCase(255, 129, 3, 224, 224, .lanczos): 0x090736FB3B4E0A73,
    ResizeCase(150, 150, 3, 28, 28, .nearest): 0x77E719DD36E3D5A9,
    ResizeCase(150, 150, 3, 28, 28, .box): 0x22172D54EFED209B,
    ResizeCase(150, 150, 3, 28, 28, .bilinear): 0x9D2FADE5F7C0D904,
    ResizeCase(150, 150, 3, 28, 28, .hamming): 0x42D9752522E894F2,
    ResizeCase(150, 150, 3, 28, 28, .bicubic): 0x4BFA91A55A746E58,
    ResizeCase(150, 150, 3, 28, 28, .lanczos): 0x4D6FB68775940733,
    ResizeCase(10, 10, 1, 25, 25, .nearest): 0x61EE9CD8EAEA5402,
    ResizeCase(10, 10, 1, 25, 25, .box): 0x016695EB8F859795,
    ResizeCase(10, 10, 1, 25, 25, .bilinear): 0x39B93E6DA3E65B48,
    ResizeCase(10, 10, 1, 25, 25, .hamming): 0x621D08CA2D8ABABA,
    ResizeCase(10, 10, 1, 25, 25, .bicubic): 0x8F8C3AD6F7854961,
    ResizeCase(10, 10, 1, 25, 25, .lanczos): 0x5962ADD599B74316,
  ]

  /// 64 × 48 RGB noise in grey.
  static let grey: UInt64 = 0x44D125A6381D3049
}
