"""The counts of works.py against numbers worked out by hand."""

import unittest

from benchmarks import works


class WorksTest(unittest.TestCase):
    def test_weights(self):
        self.assertEqual(works.SIMPLE_G.weights, 1_526_288)
        self.assertEqual(works.SIMPLE_D.weights, 201_217)
        self.assertEqual(works.DCGAN_G.weights, 21_162_496)
        self.assertEqual(works.DCGAN_D.weights, 14_209)

    def test_simple_flops(self):
        # G is 1,523,712 multiply-adds an example (65,536 in its first layer), D is
        # 200,960 (256 in its last). D's part: 100 * 1,523,712 for the fakes and
        # 200 * (2 * 200,960 + 256). G's: 100 * (3 * 1,523,712 - 65,536 + 2 * 200,960).
        d_part = 152_371_200 + 80_435_200
        g_part = 457_113_600 - 6_553_600 + 40_192_000
        self.assertEqual(works.WORKS["simple"].flops, 2 * (d_part + g_part))
        self.assertAlmostEqual(works.WORKS["simple"].flops / 1e9, 1.447, places=3)

    def test_circle_flops(self):
        # G is 96 + 512 + 32 multiply-adds, D is 64 + 512 + 16.
        d_part = 128 * 640 + 256 * (592 + 592 + 528)
        g_part = 256 * (640 + 640 + 544 + 592 + 592)
        self.assertEqual(works.WORKS["circle"].flops, 2 * (d_part + g_part))

    def test_dcgan_flops(self):
        # Each of G's convolutions is 20,480,000 multiply-adds.
        g = 819_200 + 3 * 20_480_000 + 20_070_400
        conv, logit = 1_254_400, 12_544
        d_part = 64 * g + 128 * (2 * conv + 3 * logit)
        g_part = 64 * (3 * g - 819_200 + 2 * (conv + logit))
        self.assertEqual(works.WORKS["dcgan"].flops, 2 * (d_part + g_part))

    def test_floor(self):
        work = works.Work("w", flops=200, traffic=30, peers=(), default_peers=())
        self.assertEqual(works.floor_seconds(work, 100.0, 10.0), (2.0, 5.0))


if __name__ == "__main__":
    unittest.main()
