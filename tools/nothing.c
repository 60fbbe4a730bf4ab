/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that does nothing: meson links it to find out what a linker can do. It is never run and refuses
 * nothing.
 */
int main(void)
{
	return 0;
}
