"""What is recorded of a value: conversion, bounds, texts, types of media."""
