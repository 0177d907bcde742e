"""The recorded form of values: conversion, bounds, texts, types of media."""
